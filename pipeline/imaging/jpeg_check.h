enum {
	SLUICE_JPEG_WHOLE,
	SLUICE_JPEG_LOST,
	SLUICE_JPEG_UNSUPPORTED,
};

int sluice_jpeg_check(const unsigned char *src, unsigned long size);
