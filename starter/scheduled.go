package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"sluice/pipeline"
	"sluice/workflows"
)

// scheduled is a schedule of this program that Temporal knows.
type scheduled struct {
	*cli
	*client.ScheduleDescription
	temporal client.Client
	handle   client.ScheduleHandle
	in       workflows.NightInput
}

// scheduled looks a schedule up. One of another program is refused: pausing or
// deleting that is not our business.
func (c *cli) scheduled(ctx context.Context, temporal client.Client, id string) (*scheduled, error) {
	s := &scheduled{cli: c, temporal: temporal, handle: temporal.ScheduleClient().GetHandle(ctx, id)}
	if err := s.look(ctx); err != nil {
		return nil, err
	}
	action, ok := s.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || action.Workflow != workflows.NightWorkflow || len(action.Args) != 1 {
		return nil, pipeline.Usagef("the schedule %q is another program's", id)
	}
	if arg, ok := action.Args[0].(*commonpb.Payload); !ok || converter.GetDefaultDataConverter().FromPayload(arg, &s.in) != nil {
		return nil, pipeline.Usagef("the schedule %q is of another version of this program, or was changed by hand: see it in the Temporal UI", id)
	}
	return s, nil
}

// look reads how the schedule is now.
func (s *scheduled) look(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context) (err error) {
		s.ScheduleDescription, err = s.handle.Describe(ctx)
		return err
	})
}

// call makes a call about the schedule, and puts its error in our terms.
func (s *scheduled) call(ctx context.Context, call func(context.Context) error) error {
	timely, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := call(timely)
	switch {
	case err == nil:
		return nil
	case notFound(err):
		return pipeline.Usagef("Temporal at %s knows no schedule %q in namespace %q; starter schedule list shows those that it knows", s.address, s.handle.GetID(), s.namespace)
	}
	return s.notAnswered(ctx, err)
}

// await looks until it is so, for as long as a call may take: Temporal takes a
// request in before it does it.
func (s *scheduled) await(ctx context.Context, so func() bool) (bool, error) {
	for until := time.Now().Add(callTimeout); ; {
		if err := s.look(ctx); err != nil {
			return false, err
		}
		if so() {
			return true, nil
		}
		if time.Now().After(until) || !sleep(ctx, firstPause) {
			return false, nil
		}
	}
}

// scheduleVerbOf proposes a call of this program.
func scheduleVerbOf(verb, id string) string { return "starter schedule " + verb + " " + shellQuote(id) }

// schedule is a schedule as it is printed.
type schedule struct {
	ID         string      `json:"id"`
	Output     string      `json:"output"`      // URL
	WorkflowID string      `json:"workflow_id"` // of its runs
	Cron       string      `json:"cron"`
	Timezone   string      `json:"timezone"`
	Paused     bool        `json:"paused"`
	Note       string      `json:"note"` // who paused it, and why
	Next       []time.Time `json:"next"` // never null
}

// policy is what a schedule does when things are not as usual.
type policy struct {
	Input          string            `json:"input"` // URL
	Overlap        workflows.Overlap `json:"overlap"`
	CatchupSeconds float64           `json:"catchup_seconds"`
}

func newSchedule(id, output string, spec *client.ScheduleSpec, next []time.Time) schedule {
	s := schedule{ID: id, Output: output, WorkflowID: workflows.RunID(output), Cron: cronOf(spec), Timezone: "UTC", Next: []time.Time{}}
	if spec != nil && spec.TimeZoneName != "" {
		s.Timezone = spec.TimeZoneName
	}
	s.Next = append(s.Next, next...)
	return s
}

func (s *scheduled) schedule() schedule {
	output, _ := workflows.OutputOfID(s.in.RunID)
	r := newSchedule(s.handle.GetID(), output, s.Schedule.Spec, s.Info.NextActionTimes)
	r.Paused, r.Note = s.Schedule.State.Paused, s.Schedule.State.Note
	return r
}

func (s *scheduled) policy() policy {
	p := policy{Input: s.in.Run.Spec.Input, Overlap: workflows.Skip, CatchupSeconds: s.Schedule.Policy.CatchupWindow.Seconds()}
	if s.Schedule.Policy.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP {
		p.Overlap = workflows.BufferOne
	}
	return p
}

// overlapPolicy is what Temporal does with a start while an earlier night is
// open, to the same effect as what a night does that finds another's run.
func overlapPolicy(o workflows.Overlap) enumspb.ScheduleOverlapPolicy {
	if o == workflows.BufferOne {
		return enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	}
	return enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
}

// cronComment makes the server keep the expression, as the comment of the
// calendar that it turns it into.
func cronComment(cron string) string {
	cron, _, _ = strings.Cut(cron, "#")
	cron = strings.TrimSpace(cron)
	return cron + " # " + cron
}

// cronOf is the expression that a spec was made from.
func cronOf(spec *client.ScheduleSpec) string {
	var words []string
	if spec != nil {
		for _, i := range spec.Intervals {
			word := "@every " + shortDuration(i.Every)
			if i.Offset > 0 {
				word += "/" + shortDuration(i.Offset)
			}
			words = append(words, word)
		}
		for _, calendar := range spec.Calendars {
			word := calendar.Comment
			if word == "" {
				word = "(see the Temporal UI)" // it was changed there
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// show prints the schedule.
func (s *scheduled) show() {
	if s.json {
		s.printJSON(struct {
			schedule
			policy
		}{s.schedule(), s.policy()})
		return
	}
	fmt.Fprint(s.stdout, s.text())
}

// text is the schedule for people.
func (s *scheduled) text() string {
	var b strings.Builder
	r, p := s.schedule(), s.policy()
	fmt.Fprintf(&b, "%s: %s in %s\n", r.ID, r.Cron, r.Timezone)
	line := func(name, value string) { fmt.Fprintf(&b, "  %-11s%s\n", name, value) }
	line("input", p.Input)
	line("output", r.Output)
	if p.Overlap == workflows.BufferOne {
		line("overlap", "buffer-one: while a run is open, one waits")
	} else {
		line("overlap", "skip: while a run is open, none is started")
	}
	line("catch-up", shortDuration(s.Schedule.Policy.CatchupWindow)+" at the most after it was due")
	if r.Paused {
		line("paused", oneLine(r.Note))
	}
	next := "never"
	for i, t := range r.Next[:min(3, len(r.Next))] {
		next = []string{"", next + ", "}[min(i, 1)] + clock(t)
	}
	line("next", next)
	return b.String()
}

func (s *scheduled) showDeleted() {
	r := s.schedule()
	open := []string{}
	for _, w := range s.Info.RunningWorkflows {
		open = append(open, w.WorkflowID)
	}
	if s.json {
		s.printJSON(struct {
			ID         string   `json:"id"`
			Output     string   `json:"output"`
			WorkflowID string   `json:"workflow_id"`
			Deleted    bool     `json:"deleted"`
			Open       []string `json:"open"`
		}{r.ID, r.Output, r.WorkflowID, true, open})
		return
	}
	fmt.Fprintf(s.stdout, "deleted: %s\n", r.ID)
	for _, id := range open {
		fmt.Fprintf(s.stdout, "  %s goes on: see it with starter status %s\n", id, shellQuote(r.Output))
	}
}

// nightTable shows nights, one a line.
func (c *cli) nightTable(nights []night) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DUE\tSTATUS\tTOOK\tWHAT CAME OF IT")
	for _, n := range nights {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", clock(n.Due), n.Status, span(n.took()), n.words())
	}
	return w.Flush()
}
