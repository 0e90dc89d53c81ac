#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>

#include "jpeg_check.h"

// What may stand between a scan's end and the next marker: padding of encoders.
// A decoder that has lost its way leaves hundreds of bytes.
#define PADDING 32

struct check {
	struct jpeg_error_mgr mgr;
	jmp_buf out;
	int scanning, lost, fatal;
};

static void fatal(j_common_ptr cinfo) {
	struct check *c = (struct check *)cinfo->err;
	c->fatal = cinfo->err->msg_code;
	longjmp(c->out, 1);
}

static void warned(j_common_ptr cinfo, int level) {
	struct check *c = (struct check *)cinfo->err;
	if (level >= 0)
		return;
	switch (cinfo->err->msg_code) {
	case JWRN_ADOBE_XFORM:
	case JWRN_JFIF_MAJOR:
	case JWRN_NOT_SEQUENTIAL:
	case JWRN_BOGUS_ICC:
	case JWRN_TOO_MUCH_DATA:
		return;
	case JWRN_EXTRANEOUS_DATA:
		// In the header every viewer passes it over.
		if (!c->scanning || cinfo->err->msg_parm.i[0] <= PADDING)
			return;
	}
	c->lost = 1;
}

static void silent(j_common_ptr cinfo) { (void)cinfo; }

// Decodes at an eighth, which costs little but the unpacking of the scans, a
// few rows at a time.
int sluice_jpeg_check(const unsigned char *src, unsigned long size) {
	struct jpeg_decompress_struct cinfo;
	struct check c = {0};
	JSAMPARRAY rows;

	cinfo.err = jpeg_std_error(&c.mgr);
	c.mgr.error_exit = fatal;
	c.mgr.emit_message = warned;
	c.mgr.output_message = silent;
	if (setjmp(c.out)) {
		jpeg_destroy_decompress(&cinfo);
		if (c.fatal == JERR_ARITH_NOTIMPL)
			return SLUICE_JPEG_UNSUPPORTED;
		return SLUICE_JPEG_LOST;
	}
	jpeg_create_decompress(&cinfo);
	jpeg_mem_src(&cinfo, src, size);
	jpeg_read_header(&cinfo, TRUE);
	cinfo.scale_num = 1;
	cinfo.scale_denom = 8;
	cinfo.dct_method = JDCT_IFAST;
	cinfo.do_fancy_upsampling = FALSE;
	cinfo.out_color_space = cinfo.jpeg_color_space; // as it is stored
	c.scanning = 1;
	jpeg_start_decompress(&cinfo);
	rows = (*cinfo.mem->alloc_sarray)((j_common_ptr)&cinfo, JPOOL_IMAGE, cinfo.output_width * cinfo.output_components, 8);
	while (cinfo.output_scanline < cinfo.output_height)
		jpeg_read_scanlines(&cinfo, rows, 8);
	jpeg_finish_decompress(&cinfo);
	jpeg_destroy_decompress(&cinfo);
	return c.lost ? SLUICE_JPEG_LOST : SLUICE_JPEG_WHOLE;
}
