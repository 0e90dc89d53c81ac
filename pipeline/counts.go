package pipeline

import "maps"

// Counts sums up rows that have their final outcome.
type Counts struct {
	OK      int64 `json:"ok"`
	Failed  int64 `json:"failed"`
	Skipped int64 `json:"skipped"`
	// BytesIn counts the source bytes of rows that are ok, BytesOut the bytes
	// stored for them.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// Errors counts the failed rows by class.
	Errors map[Class]int64 `json:"errors,omitempty"`
}

// Rows is how many rows were counted.
func (c Counts) Rows() int64 { return c.OK + c.Failed + c.Skipped }

// Add counts one row.
func (c *Counts) Add(o Outcome) {
	switch o.Status {
	case OK:
		c.OK++
		c.BytesIn += o.SourceBytes
		c.BytesOut += o.Bytes
	case Failed:
		c.Failed++
		if c.Errors == nil {
			c.Errors = map[Class]int64{}
		}
		c.Errors[o.Class]++
	case Skipped:
		c.Skipped++
	}
}

// Minus is what c counts beyond d, which is a part of it. Neither is changed.
func (c Counts) Minus(d Counts) Counts {
	c.OK -= d.OK
	c.Failed -= d.Failed
	c.Skipped -= d.Skipped
	c.BytesIn -= d.BytesIn
	c.BytesOut -= d.BytesOut
	errors := map[Class]int64{}
	for class, n := range c.Errors {
		if n -= d.Errors[class]; n != 0 {
			errors[class] = n
		}
	}
	c.Errors = errors
	return c
}

// Plus is the sum of both. Neither is changed.
func (c Counts) Plus(d Counts) Counts {
	c.OK += d.OK
	c.Failed += d.Failed
	c.Skipped += d.Skipped
	c.BytesIn += d.BytesIn
	c.BytesOut += d.BytesOut
	c.Errors = maps.Clone(c.Errors)
	for class, n := range d.Errors {
		if c.Errors == nil {
			c.Errors = map[Class]int64{}
		}
		c.Errors[class] += n
	}
	return c
}
