package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// A namespace in which nobody has registered the search attributes: a line says
// so, and the run goes on without them.
func TestANamespaceWithoutSearchAttributes(t *testing.T) {
	r := newRig(t)
	o := r.operator()
	_, err := o.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: "plain", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.env = append(r.env, "TEMPORAL_NAMESPACE=plain")
	await(t, "the server knows the namespace", func() bool {
		list := r.command("list")
		return list.Run() == nil
	})
	const rows = 30
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	r.worker()
	res := r.run(in, out)
	if res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	if n := strings.Count(res.stderr, "warning: "); n != 1 || !strings.Contains(res.stderr, "warning: the search attribute SluiceStatus is not registered as a keyword") {
		t.Errorf("it warns %d times:\n%s", n, res.stderr)
	}
	if res := r.run(in, out); res.exit != 0 || res.New != 0 {
		t.Errorf("the next one: %+v\n%s", res, res.stderr)
	}
	if status := r.starter("status", out); status.Status != "succeeded" {
		t.Errorf("%+v", status)
	}
	r.verify(out)
}
