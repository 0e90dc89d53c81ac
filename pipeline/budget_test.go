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
		b, err := NewBudget(c.mib*mib, c.partitions, c.decoders, c.decoder*mib)
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
	if _, err := NewBudget(128*mib, 2, 2, 0); err == nil {
		t.Error("128 MiB are enough")
	}
}
