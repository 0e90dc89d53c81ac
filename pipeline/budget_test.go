package pipeline

import "testing"

func TestBudgetFitsItsTotal(t *testing.T) {
	for _, c := range []struct {
		mib                  int64
		partitions, decoders int
		decoder              int64 // MiB
		left                 int   // decoders
	}{
		{512, 2, 2, 0, 2},
		{2048, 2, 2, 0, 2},
		{2048, 2, 64, 0, 34},
		{256, 2, 8, 0, 1},
		{220, 1, 1, 0, 1},
		{512, 2, 2, 72, 2},
		{2048, 2, 64, 72, 14},
		{400, 2, 8, 72, 1},
	} {
		b, err := NewBudget(c.mib*mib, c.partitions, c.decoders, c.decoder*mib, 64*mib)
		if err != nil {
			t.Errorf("%d MiB: %v", c.mib, err)
			continue
		}
		if sum := b.Base + b.Encoded*garbagePercent/100 + b.Decoded; sum > b.Total {
			t.Errorf("%d MiB: the parts sum up to %d", c.mib, sum/mib)
		}
		if b.Decoders != c.left || b.Decoded < int64(b.Decoders)*minDecode || b.Reserve > b.Encoded || b.GoLimit() <= b.Encoded {
			t.Errorf("%d MiB: %+v, GoLimit %d", c.mib, b, b.GoLimit())
		}
	}
	if _, err := NewBudget(128*mib, 2, 2, 0, 64*mib); err == nil {
		t.Error("128 MiB are enough")
	}
}

// Who fetches larger sources has a reserve for them, as far as it fits.
func TestTheReserveIsForTheLargestSource(t *testing.T) {
	for _, c := range []struct{ total, largest, reserve int64 }{
		{2048 * mib, 64 * mib, 64 * mib},
		{2048 * mib, 200 * mib, 200 * mib},
		{2048 * mib, mib, usualReserve}, // what is stored may be larger
		{512 * mib, 200 * mib, (512 - baseProcess/mib - 2*basePartition/mib) * mib / 3 / 2},
	} {
		b, err := NewBudget(c.total, 2, 2, 0, c.largest)
		if err != nil || b.Reserve != c.reserve {
			t.Errorf("%d of %d MiB: a reserve of %d bytes, want %d (%v)", c.largest/mib, c.total/mib, b.Reserve, c.reserve, err)
		}
	}
}
