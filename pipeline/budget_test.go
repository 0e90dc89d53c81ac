package pipeline

import "testing"

func TestBudgetFitsItsTotal(t *testing.T) {
	for _, c := range []struct {
		mib                  int64
		partitions, decoders int
		left                 int // decoders
	}{
		{512, 2, 2, 2},
		{2048, 2, 2, 2},
		{2048, 2, 64, 34},
		{256, 2, 8, 1},
		{220, 1, 1, 1},
	} {
		b, err := NewBudget(c.mib*mib, c.partitions, c.decoders)
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
	if _, err := NewBudget(128*mib, 2, 2); err == nil {
		t.Error("128 MiB are enough")
	}
}
