package fetching

import (
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// knownHosts bounds the table, which is in use by whatever is on its way: some
// 3 MB.
const knownHosts = 10_000

// hosts is what is known of the hosts, each by its name and port.
type hosts struct {
	limits hostLimits
	own    func(netip.Addr) bool // the operator's own networks, without a limit

	mu    sync.Mutex
	table *recent[*host]
	// shares are places of runs that ask for less: a host as one run has it, by
	// its name and port, the run, and how many it asks for.
	shares *recent[*host]
}

// hostLimits are those of each host.
type hostLimits struct {
	connections int           // at a time; 0 is no limit
	pause       time.Duration // between two requests
}

func newHosts(opts Options) *hosts {
	h := &hosts{limits: hostLimits{connections: opts.PerHost}, table: newRecent(knownHosts, (*host).inUse), shares: newRecent(knownHosts, (*host).inUse)}
	if opts.PerHostRate > 0 {
		h.limits.pause = time.Duration(float64(time.Second) / opts.PerHostRate)
	}
	h.own = func(a netip.Addr) bool {
		if opts.PerHost != 0 {
			return false // the operator's word holds for all
		}
		for _, p := range opts.AllowNets {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	if opts.PerHost == 0 {
		h.limits.connections = defaultPerHost
	}
	return h
}

// of is the host of a URL.
func (h *hosts) of(u *url.URL) *host { return h.at(u.Hostname(), portOf(u)) }

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func hostKey(name, port string) string {
	return strings.ToLower(strings.TrimSuffix(name, ".")) + ":" + port
}

func (h *hosts) at(name, port string) *host {
	key := hostKey(name, port)
	h.mu.Lock()
	defer h.mu.Unlock()
	if x, ok := h.table.get(key); ok {
		return x
	}
	x := &host{limits: h.limits}
	if a, err := netip.ParseAddr(strings.TrimSuffix(name, ".")); err == nil && h.own(a.Unmap()) {
		x.limits.connections = 0
	}
	h.table.put(key, x)
	return x
}

// connected notes at which address a host was reached: one in a network of the
// operator's own has no limit on connections. Until it is known a host is
// anybody's.
func (h *hosts) connected(name, port string, at netip.Addr) {
	limit := h.limits.connections
	if h.own(at) {
		limit = 0
	}
	h.at(name, port).limit(limit)
}
