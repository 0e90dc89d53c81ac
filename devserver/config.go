package main

import (
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	// clusterName is written into the database on the first start and cannot be
	// changed afterwards.
	clusterName = "active"

	// storeName joins the two kinds of store to the one SQLite database.
	storeName = "sqlite"

	// historyShards cannot be changed afterwards either. One is enough: SQLite has
	// one writer, and more shards would only queue for it.
	historyShards = 1
)

// dynamicConfig is what differs from the server's defaults, and why.
var dynamicConfig = dynamicconfig.StaticClient{
	// Off by default; without it `pause` of a whole workflow is refused.
	dynamicconfig.WorkflowPauseEnabled.Key(): true,

	// Off by default; without it a task may be handed to the open poll of a worker
	// that is going away, where it waits for its timeout.
	dynamicconfig.EnableCancelWorkerPollsOnShutdown.Key(): true,

	// Timers fire up to this much late; the default is 1 s. A worker that stops
	// hands its partition over by a retry after 1 ms, so this is what a
	// take-over costs: under 30 ms instead of up to 1 s.
	dynamicconfig.TimerProcessorMaxTimeShift.Key(): 20 * time.Millisecond,

	// The default of 10 a second is meant for shared clusters, and is soon met by
	// scripts that list and count.
	dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,

	// Workflows kept in memory. The default is 128,000, whose memory a laptop does not have.
	dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8096,
}

// serverOptions puts all four services of Temporal into this process, on fixed
// addresses: nothing is discovered, and nothing leaves the machine.
func serverOptions(o options, ports portSet, db *config.SQL, logger log.Logger) []temporal.ServerOption {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, port := range map[primitives.ServiceName]int{
		primitives.HistoryService:  ports.history,
		primitives.MatchingService: ports.matching,
		primitives.WorkerService:   ports.worker,
	} {
		hosts[name] = static.SingleLocalHost(hostPort(internalHost, port))
	}
	frontend := hostPort(reachable(o.ip), ports.frontend)
	hosts[primitives.FrontendService] = static.SingleLocalHost(frontend)

	return []temporal.ServerOption{
		temporal.WithConfig(serverConfig(o, ports, db, frontend)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamicConfig),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithLogger(logger),
	}
}

// serverConfig is what a cluster would have in its YAML file.
func serverConfig(o options, ports portSet, db *config.SQL, frontend string) *config.Config {
	service := func(ip string, port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: ip}}
	}
	return &config.Config{
		Global: config.Global{
			Membership: config.Membership{BroadcastAddress: internalHost},
		},
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  storeName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{storeName: {SQL: db}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {
					Enabled:                true,
					InitialFailoverVersion: 1,
					RPCAddress:             frontend,
				},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(o.ip, ports.frontend),
			string(primitives.HistoryService):  service(internalHost, ports.history),
			string(primitives.MatchingService): service(internalHost, ports.matching),
			string(primitives.WorkerService):   service(internalHost, ports.worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{
			Archival: config.ArchivalNamespaceDefaults{
				History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
				Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
			},
		},
		// The server's own workers (schedules, batch operations) are clients like any other.
		PublicClient: config.PublicClient{HostPort: frontend},
	}
}
