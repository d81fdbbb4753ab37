package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/monitoring"
)

func newMonitoring() *cobra.Command {
	return group("monitoring", "Print the metrics, alert policies and dashboard of a deployment, and what they lack",
		newMonitoringShow(), newMonitoringChanges())
}

// watchFlags are those that say what the files are filled in with.
func watchFlags(cmd *cobra.Command, w *deploy.Watch) {
	cmd.Flags().StringVar(&w.Project, "project", "", "`project` of pullfix (default $PULLFIX_PROJECT)")
	cmd.Flags().StringVar(&w.Deployer, "deployer", "", "`email` of the account that deploys: its changes raise no alarm")
	cmd.Flags().StringArrayVar(&w.Channels, "notification-channel", nil, "`name` of a notification channel that alerts tell, as projects/P/notificationChannels/N; repeat it")
}

func newMonitoringShow() *cobra.Command {
	var watch deploy.Watch
	cmd := &cobra.Command{
		Use:   "show KIND [NAME]",
		Short: "Print one document as its API takes it, or the names of all",
		Long: `Print a log-based metric (metrics), an alert policy (alerts) or the dashboard
(dashboards) as its API takes it, filled in for a project. Without NAME it lists
the names of that kind.

  pullfix monitoring show alerts delivery --project ops |
    gcloud alpha monitoring policies create --project=ops --policy-from-file=-

Exit status: 0 printed, 2 bad usage, or there is none of that name.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			watch.Project = cmp.Or(watch.Project, projectOr(""))
			all, err := watch.Documents(args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				for _, d := range all {
					fmt.Fprintln(cmd.OutOrStdout(), d.File)
				}
				return nil
			}
			for _, d := range all {
				if d.File == args[1] && d.Lacks != "" {
					return fmt.Errorf("monitoring: %q: want --%s", args[1], d.Lacks)
				}
				if d.File == args[1] {
					return writeJSON(cmd.OutOrStdout(), d.Fields)
				}
			}
			return fmt.Errorf("monitoring: no %s are called %q: pullfix monitoring show %s lists them", args[0], args[1], args[0])
		},
	}
	watchFlags(cmd, &watch)
	return cmd
}

func newMonitoringChanges() *cobra.Command {
	var (
		watch   deploy.Watch
		removes bool
	)
	cmd := &cobra.Command{
		Use:   "changes KIND FOLDER",
		Short: "Say what makes those that are there be as they should be",
		Long: `Read from standard input which metrics, alerts or dashboards there are, as gcloud
lists them with --format=json, and say what makes those of pullfix be as they
should be, one a line, with tabs between the words:

  create  TITLE  NAME  FILE   there is none
  update  TITLE  NAME  FILE   somebody changed it, or it is from another version
  delete  TITLE  NAME         there are two, or with --remove
  keep    TITLE  NAME         it is as it should be
  lack    TITLE  NAME         there is none, and it cannot be made without --deployer

TITLE is what people call it, NAME what Google Cloud does, where it is there.
It writes the files to be sent into FOLDER. What Google Cloud has filled in does
not count, nor what is not of pullfix; deploy.sh makes the changes. Notification
channels stay as they are where none is named.

Exit status: 0 said, also where there is nothing to do, 2 bad usage or bad input.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			watch.Project = cmp.Or(watch.Project, projectOr(""))
			steps, err := monitoringSteps(cmd.InOrStdin(), watch, args[0], removes)
			if err != nil {
				return err
			}
			return monitoring.Write(cmd.OutOrStdout(), args[1], steps)
		},
	}
	watchFlags(cmd, &watch)
	cmd.Flags().BoolVar(&removes, "remove", false, "say what takes them all away")
	return cmd
}

func monitoringSteps(in io.Reader, watch deploy.Watch, kind string, removes bool) ([]monitoring.Step, error) {
	wanted, err := watch.Documents(kind)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("monitoring: %w", err)
	}
	there, err := monitoring.Parse(text)
	if err != nil {
		return nil, err
	}
	if removes {
		return monitoring.Removal(kind, wanted, there), nil
	}
	return monitoring.Steps(kind, wanted, there), nil
}
