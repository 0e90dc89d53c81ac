//go:build failpoints

package main

import (
	"context"
	"sync"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/internal/failpoint"
)

// failpoints surround what the worker commits to the server. They are nearer to
// the wire than the SDK's own retries: an error is one lost request or answer.
func failpoints() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor((&commits{}).intercept)}
}

// commits is the worker's calls that commit something.
type commits struct {
	activities sync.Map // names by task token, which the later calls carry alone
}

func (c *commits) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	step, what := c.step(req)
	if step == "" {
		err := call(ctx, method, req, reply, cc, opts...)
		c.learn(reply)
		return err
	}
	if err := failpoint.Before(step, what); err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	err := call(ctx, method, req, reply, cc, opts...)
	c.learn(reply)
	if failed := failpoint.After(step, what); failed != nil {
		return status.Error(codes.Unavailable, failed.Error())
	}
	return err
}

// learn keeps the names of the activities that a worker is given.
func (c *commits) learn(reply any) {
	switch r := reply.(type) {
	case *workflowservice.PollActivityTaskQueueResponse:
		c.activities.Store(string(r.GetTaskToken()), r.GetActivityType().GetName())
	case *workflowservice.RespondWorkflowTaskCompletedResponse:
		for _, task := range r.GetActivityTasks() { // handed out at once, without a poll
			c.learn(task)
		}
	}
}

// step is what a request commits, and of what; "" if it commits nothing.
func (c *commits) step(req any) (step, what string) {
	var token []byte
	switch r := req.(type) {
	case *workflowservice.RecordActivityTaskHeartbeatRequest:
		step, token = failpoint.Heartbeat, r.GetTaskToken()
	case *workflowservice.RespondActivityTaskCompletedRequest:
		step, token = failpoint.Completed, r.GetTaskToken()
	case *workflowservice.RespondActivityTaskFailedRequest:
		step, token = failpoint.Failed, r.GetTaskToken()
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		return failpoint.WorkflowTask, ""
	}
	name, _ := c.activities.Load(string(token))
	what, _ = name.(string)
	return step, what
}
