package main

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"sluice/workflows"
)

// indexed reports whether the search attributes of runs are registered. Where they
// are not, or nobody may say, a run does without them, and a line says so.
func (c *cli) indexed(ctx context.Context, temporal client.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	known, err := temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: c.namespace})
	for _, key := range []interface{ GetName() string }{workflows.StatusAttribute, workflows.OutputAttribute, workflows.DatasetAttribute} {
		switch is, ok := known.GetCustomAttributes()[key.GetName()]; {
		case err != nil:
			c.say("warning: the search attributes of namespace %q cannot be listed (%s): the run is not found by them", c.namespace, cause(err))
			return false
		case !ok || is != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			c.say("warning: the search attribute %s is not registered as a keyword: the run is not found by it; temporal operator search-attribute create --name %s --type Keyword", key.GetName(), key.GetName())
			return false
		}
	}
	return true
}
