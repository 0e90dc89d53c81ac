package main

import (
	"strings"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves the UI in the background. Its Start returns after Stop; where it
// cannot listen it logs and ends the process, which choosePorts has made unlikely.
func startUI(o options, ports portSet) *uiserver.Server {
	host := o.ip
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // the UI puts host and port together by itself
	}
	ui := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: hostPort(reachable(o.ip), ports.frontend),
		Host:                host,
		Port:                ports.ui,
		EnableUI:            true,
		DefaultNamespace:    o.namespace,
		DisableNewsFetch:    true, // it would ask a server on the internet
		HideLogs:            true, // a line a request, on stdout
		// There is no TLS here, so a cookie for TLS only would make every button of the UI fail.
		CORS: uiconfig.CORS{CookieInsecure: true},
	}))
	go ui.Start()
	return ui
}
