package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// probeInterval is the pause between two looks. Each costs about a millisecond.
const probeInterval = 20 * time.Millisecond

// waitServing returns when a client could start a workflow at address: the
// frontend is healthy, knows the namespace, reaches the shard of history, and
// can ask visibility. A port that accepts is not enough: for some 100 ms after that,
// requests still fail.
func waitServing(ctx context.Context, address, namespace string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	return poll(ctx, func(ctx context.Context) error { return probe(ctx, conn, namespace) })
}

func probe(ctx context.Context, conn *grpc.ClientConn, namespace string) error {
	health, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{
		Service: workflowservice.WorkflowService_ServiceDesc.ServiceName,
	})
	if err != nil {
		return err
	}
	if health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("the frontend is %s", health.GetStatus())
	}

	frontend := workflowservice.NewWorkflowServiceClient(conn)
	if _, err := frontend.GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{}); err != nil {
		return err
	}
	if _, err := frontend.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace}); err != nil {
		return err
	}
	// Nobody can have started this one: that history says so is what we ask.
	_, err = frontend.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: "devserver-ready-probe"},
	})
	if err != nil && status.Code(err) != codes.NotFound {
		return err
	}
	_, err = frontend.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
	return err
}

// waitUI returns when the UI answers at url.
func waitUI(ctx context.Context, url string) error {
	return poll(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// poll calls f until it succeeds or ctx ends, and then returns f's last error:
// that says more than "deadline exceeded".
func poll(ctx context.Context, f func(context.Context) error) error {
	for {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return f(ctx)
		}()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(probeInterval):
		}
	}
}
