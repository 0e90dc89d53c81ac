package imaging

import "encoding/binary"

// exifOrientation reads the orientation, 1 to 8, out of Exif's TIFF structure.
// What is damaged or missing is 0: viewers show such an image as it is stored.
// Exif 2.32, section 4.6.4, tag 0x0112.
func exifOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	ifd := uint64(order.Uint32(tiff[4:]))
	if ifd+2 > uint64(len(tiff)) {
		return 0
	}
	n := int(order.Uint16(tiff[ifd:]))
	for entries := tiff[ifd+2:]; n > 0 && len(entries) >= 12; n, entries = n-1, entries[12:] {
		if order.Uint16(entries) != 0x0112 {
			continue
		}
		v := 0
		switch order.Uint16(entries[2:]) {
		case 3: // SHORT, as it should be
			v = int(order.Uint16(entries[8:]))
		case 4: // LONG, as some write it
			v = int(min(order.Uint32(entries[8:]), 9))
		}
		if v < 1 || v > 8 {
			return 0
		}
		return v
	}
	return 0
}

// sideways reports whether an orientation turns rows into columns.
func sideways(orientation int) bool { return orientation >= 5 }
