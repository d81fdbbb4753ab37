package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/doctor"
	"github.com/pullfix/pullfix/internal/rest"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/rules"
)

func newDoctor() *cobra.Command {
	var asked doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a deployment from outside, and say how to mend it",
		Long: `Check a deployment of pullfix from outside, as the person who runs this: sinks,
topics, the function and its settings, accounts, roles and who has them, the
ledger, the record, secrets and the rules. It changes nothing. For everything
that is not as it should be it prints the command that mends it. Those that
deploy the function again are for the folder of the source.

  pullfix doctor --project ops --source projects/app-one --rules rules.yaml

Give it the flags that the deployment was made with. What you may not look at is
skipped, and the permission that it needs is named.

--end-to-end also publishes a made-up denial, about a repository that does not
exist, and waits until it is on record. Channels are told of it, as of every
alert, and nothing is granted.

Exit status: 0 all is well, 1 something is not, or could not be looked at, 2 bad
usage, or nothing could be looked at.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := asked.examination(cmd)
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return e.run(ctx)
		},
	}
	asked.add(cmd)
	return cmd
}

// doctorFlags are what the command is told.
type doctorFlags struct {
	project, region, organization, rules, format string
	sources, resources                           []string
	retention                                    int
	endToEnd                                     bool
	timeout                                      time.Duration
}

const (
	usualRegion    = "us-central1"
	usualRetention = 400
	usualTimeout   = 2 * time.Minute
)

func (f *doctorFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.project, "project", "", "`project` of pullfix, by its id (default $PULLFIX_PROJECT)")
	flags.StringVar(&f.region, "region", usualRegion, "`region` of the function")
	flags.StringArrayVar(&f.sources, "source", nil, "where entries come from: projects/ID, folders/NUMBER or organizations/NUMBER; can be repeated")
	flags.StringVar(&f.organization, "organization", "", "`number` of the organisation that has the custom roles (default: projects have them)")
	flags.StringVar(&f.rules, "rules", defaultRulesFile, "policy `file` that is deployed")
	flags.StringArrayVar(&f.resources, "resource", nil, "full `name` of a resource that a rule with * covers, besides those that are found; can be repeated")
	flags.IntVar(&f.retention, "retention-days", usualRetention, "how many `days` records have to stay at least")
	flags.BoolVar(&f.endToEnd, "end-to-end", false, "also publish a made-up denial and wait for its record; channels are told of it")
	flags.DurationVar(&f.timeout, "timeout", usualTimeout, "how long the checks, and then the wait for the record, may take")
	flags.StringVar(&f.format, "format", "text", "text or json")
}

// examination is one run of the command.
type examination struct {
	deployment doctor.Deployment
	cloud      *rest.Client
	own        ownChecks
	endToEnd   bool
	timeout    time.Duration
	view       doctorView
}

func (f *doctorFlags) examination(cmd *cobra.Command) (*examination, error) {
	show, ok := map[string]func(doctorView, []doctor.Result) error{"text": doctorView.text, "json": doctorView.json}[f.format]
	if !ok {
		return nil, wrongFormat(f.format, "text or json")
	}
	s, err := f.settings()
	if err != nil {
		return nil, err
	}
	if strings.Trim(f.region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || f.region == "" {
		return nil, fmt.Errorf("--region %q: want a region such as us-central1", f.region)
	}
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--timeout %q: want a time such as 2m", f.timeout)
	}
	if err := f.checkSources(); err != nil {
		return nil, err
	}
	own := ownChecks{file: f.rules, settings: s}
	policy, err := own.read(cmd)
	if err != nil {
		return nil, err
	}
	resources, err := f.namedResources(policy)
	if err != nil {
		return nil, err
	}
	cloud, err := rest.New(cmd.Context(), s.Endpoint, rest.Default)
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	return &examination{
		deployment: doctor.Deployment{
			Project: s.Project, Region: f.region, Sources: f.sources, Organization: f.organization, Policy: policy, RulesFile: f.rules,
			Resources: resources, RetentionDays: f.retention, Environment: own.environment,
		},
		cloud: cloud, own: own, endToEnd: f.endToEnd, timeout: f.timeout,
		view: doctorView{out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), show: show, project: s.Project.String()},
	}, nil
}

func (f *doctorFlags) settings() (settings.Settings, error) {
	from, text := "--project", f.project
	if text == "" {
		from, text = ownProject()
	}
	if text == "" {
		return settings.Settings{}, errors.New("--project: missing: want the id of the project of pullfix, here or in PULLFIX_PROJECT")
	}
	id, err := projectID(from, text)
	if err != nil {
		return settings.Settings{}, err
	}
	return deployedSettings(id.String())
}

// deployedSettings are those of a function that is deployed in the project.
func deployedSettings(project string) (settings.Settings, error) {
	return deskSettings(map[string]string{"PULLFIX_PROJECT": project, "PULLFIX_AUDIT": "cloud", "PULLFIX_LEDGER": "firestore"})
}

func (f *doctorFlags) checkSources() error {
	if len(f.sources) == 0 {
		return errors.New(`--source: missing: want where failed deploys are logged, as "projects/app-one"`)
	}
	for _, source := range f.sources {
		if id, ok := strings.CutPrefix(source, "projects/"); ok {
			p, err := iam.ParseProject(id)
			if err == nil && p.IsNumber() {
				err = fmt.Errorf("%q: want the id of the project, not its number", source)
			}
			if err != nil {
				return fmt.Errorf("--source: %w", err)
			}
			continue
		}
		parent, err := iam.ParseParent(source)
		switch {
		case err != nil:
			return fmt.Errorf("--source: %w", err)
		case f.organization == "":
			return fmt.Errorf("--source %q: want --organization too: a role that can be bound there is of an organisation", source)
		case parent.IsOrganization() && source != "organizations/"+f.organization:
			return fmt.Errorf("--source %q: it is not the --organization %q", source, f.organization)
		}
	}
	if _, err := iam.ParseParent("organizations/" + f.organization); f.organization != "" && err != nil {
		return fmt.Errorf("--organization %q: want its number", f.organization)
	}
	return nil
}

// namedResources holds that the rules cover each.
func (f *doctorFlags) namedResources(policy *rules.Policy) ([]iam.Resource, error) {
	all, err := parseEach("--resource", f.resources, iam.ParseResource)
	if err != nil || policy == nil {
		return all, err
	}
	targets := policy.Targets()
	for _, r := range all {
		if !slices.ContainsFunc(targets, func(t rules.Target) bool { return t.Covers(r) }) {
			return nil, fmt.Errorf("--resource %q: no rule of %q lets pullfix grant anything there", r, f.rules)
		}
	}
	return all, nil
}

func (e *examination) run(ctx context.Context) error {
	results := e.look(ctx)
	if seen(results) == 0 {
		return fmt.Errorf("doctor: nothing could be looked at: %s", results[0].Reason)
	}
	if e.endToEnd {
		ctx, cancel := context.WithTimeout(ctx, e.timeout)
		defer cancel()
		results = append(results, doctor.Probe{
			Deployment: e.deployment, Cloud: e.cloud, ID: newProbeID(), Every: probeEvery, Now: time.Now, Waiting: e.view.waiting,
		}.Run(ctx))
	}
	results = slices.Concat(e.own.lookAtRules(), results)
	if err := e.view.show(e.view, results); err != nil {
		return err
	}
	if slices.ContainsFunc(results, func(r doctor.Result) bool { return r.Status != doctor.OK }) {
		return errFailed
	}
	return nil
}

func (e *examination) look(ctx context.Context) []doctor.Result {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	return doctor.Run(ctx, append(doctor.Checks(ctx, e.cloud, e.deployment), e.own.latch()))
}

// seen counts what was looked at in the cloud.
func seen(results []doctor.Result) (count int) {
	for _, r := range results {
		if r.Status != doctor.Skip && r.Check != "targets" {
			count++
		}
	}
	return count
}

// read reads the policy, nil where there is none or it is not valid.
func (o *ownChecks) read(cmd *cobra.Command) (*rules.Policy, error) {
	var err error
	o.checked, err = check(o.file, cmd.InOrStdin())
	switch {
	case errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("rules"):
		o.unnamed = true
		return nil, nil
	case err != nil:
		return nil, err
	case !o.checked.Valid:
		return nil, nil
	}
	if o.data, err = readFile(o.file); err != nil {
		return nil, err
	}
	return rules.Parse(o.file, o.data)
}
