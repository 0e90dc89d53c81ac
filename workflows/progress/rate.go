package progress

import "time"

// window is what a rate is taken over. Checkpoints come every 2 s from each
// partition and memos every 5 s: much less would jump, much more would lag.
const window = 30 * time.Second

// Meter measures rows a second over the last half minute.
type Meter struct{ samples []sample }

type sample struct {
	at   time.Time
	rows int64
}

// Add notes that so many rows were done at a time.
func (m *Meter) Add(at time.Time, rows int64) {
	m.samples = append(m.samples, sample{at, rows})
	// One sample older than the window stays, so that the rest spans it.
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
}

// Rate is rows a second, 0 until two seconds have been seen.
func (m *Meter) Rate() float64 {
	if len(m.samples) == 0 {
		return 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	span := last.at.Sub(first.at)
	if span < 2*time.Second {
		return 0
	}
	return float64(last.rows-first.rows) / span.Seconds()
}

// Left is how long so many rows take at this rate; 0 if nobody can say.
func (m *Meter) Left(rows int64) time.Duration {
	rate := m.Rate()
	if rate <= 0 || rows <= 0 {
		return 0
	}
	seconds := float64(rows) / rate
	if seconds > (1000 * 24 * time.Hour).Seconds() { // stalled, near enough
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
