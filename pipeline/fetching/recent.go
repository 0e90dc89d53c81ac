package fetching

import "container/list"

// recent keeps what was used last, up to a number. It is not safe for concurrent
// use.
type recent[V any] struct {
	most  int
	busy  func(V) bool // such a value is not let go of
	byKey map[string]*list.Element
	order *list.List // of recentItem[V], the last used in front
}

type recentItem[V any] struct {
	key   string
	value V
}

func newRecent[V any](most int, busy func(V) bool) *recent[V] {
	return &recent[V]{most: most, busy: busy, byKey: map[string]*list.Element{}, order: list.New()}
}

func (r *recent[V]) get(key string) (value V, ok bool) {
	e, ok := r.byKey[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(e)
	return e.Value.(recentItem[V]).value, true
}

// put adds or replaces a value. The one that was not used for longest and is not
// busy makes room; if the last few are all busy, there is one more for a while.
func (r *recent[V]) put(key string, value V) {
	if e, ok := r.byKey[key]; ok {
		e.Value = recentItem[V]{key, value}
		r.order.MoveToFront(e)
		return
	}
	r.byKey[key] = r.order.PushFront(recentItem[V]{key, value})
	const look = 16
	e := r.order.Back()
	for i := 0; i < look && r.order.Len() > r.most && e != nil; i++ {
		before, item := e.Prev(), e.Value.(recentItem[V])
		if !r.busy(item.value) {
			r.order.Remove(e)
			delete(r.byKey, item.key)
		}
		e = before
	}
}

func (r *recent[V]) len() int { return r.order.Len() }
