// Package temporal finds Temporal as its own tools find it, for worker and
// starter alike.
package temporal

import (
	"cmp"
	"fmt"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// Flags are what the command line says; what is empty comes from the
// environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, ...), from the profile of
// temporal.toml, and at last is the default.
type Flags struct {
	Address, Namespace, Profile string
}

// Options are the client's. env is nil for the process's environment.
func (f Flags) Options(env envconfig.EnvLookup) (client.Options, error) {
	opts, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{ConfigFileProfile: f.Profile, EnvLookup: env})
	if err != nil {
		return opts, fmt.Errorf("the settings for Temporal cannot be read: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	opts.HostPort = cmp.Or(f.Address, opts.HostPort, client.DefaultHostPort)
	opts.Namespace = cmp.Or(f.Namespace, opts.Namespace, client.DefaultNamespace)
	return opts, nil
}
