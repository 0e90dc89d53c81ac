package tables

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// page is a page of data that is being read: levels, and lengths or numbers of
// words if its encoding has them.
type page struct {
	depth   uint32
	levels  *runs // nil if there are no nulls
	body    *stream
	numbers *runs // of words
	delta   bool
	lengths []int32
}

// begin reads what stands before the first value.
func (p *page) begin(encoding format.Encoding, values int64) error {
	switch encoding {
	case format.Plain:
	case format.PlainDictionary, format.RLEDictionary: //nolint:staticcheck // older writers used it
		if p.body.left == 0 { // all are null
			return nil
		}
		width, err := p.body.ReadByte()
		if err != nil {
			return err
		}
		if width > 32 {
			return errRuns
		}
		p.numbers = newRuns(p.body, int(width))
	case format.DeltaLengthByteArray:
		p.delta = true
		if p.body.left == 0 {
			return nil
		}
		var err error
		p.lengths, err = readLengths(p.body, values)
		return err
	default:
		return fmt.Errorf("it is encoded as %s, which is not supported for images", encoding)
	}
	return nil
}

// present is whether the next row has a value.
func (p *page) present() (bool, error) {
	if p.levels == nil {
		return true, nil
	}
	level, err := p.levels.next()
	return level == p.depth, err
}

// skip passes over the next row.
func (p *page) skip() error {
	switch there, err := p.present(); {
	case err != nil || !there:
		return err
	case p.numbers != nil:
		_, err := p.numbers.next()
		return err
	}
	n, err := p.size()
	if err != nil {
		return err
	}
	return p.body.pass(n)
}

// size is how long the value is that comes next in the body.
func (p *page) size() (int64, error) {
	if !p.delta {
		return p.body.length()
	}
	if len(p.lengths) == 0 {
		return 0, errors.New("it has more values than lengths")
	}
	n := int64(p.lengths[0])
	if p.lengths = p.lengths[1:]; n > p.body.left {
		return 0, fmt.Errorf("a value claims %d bytes, and %d are left of its page", n, p.body.left)
	}
	return n, nil
}
