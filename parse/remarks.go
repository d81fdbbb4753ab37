package parse

// effect is what a remark tells about the denials near it.
type effect byte

const (
	aboutLast    effect = iota // more about the denial before it
	callerBefore               // who made the calls before it
	callerAfter                // who makes the calls after it
	setting                    // what is deployed where
	pushed                     // the image that is pushed or pulled
)

// remark is a sentence that is no denial but tells more about one.
type remark struct {
	text       string
	effect     effect
	collection string // what a {workload} is one of
}

var remarks = []remark{
	{text: "image is from project {source} which is not the same as this project {project}", effect: aboutLast},
	{text: "is not in project {project}", effect: aboutLast},
	{text: "permission must be granted to the google cloud run service agent {agent} from this project", effect: aboutLast},
	{text: "authenticated as {principal}", effect: callerBefore},
	{text: "api calls will be executed as {principal}", effect: callerAfter},
	{text: "cloud run service {workload} in project {project} region {location}", effect: setting, collection: "services"},
	{text: "cloud run job {workload} in project {project} region {location}", effect: setting, collection: "jobs"},
	{text: "cloud run worker pool {workload} in project {project} region {location}", effect: setting, collection: "workerpools"},
	{text: "cloudrun|cloudrunv2 service|job {resource}", effect: setting},
	{text: "for project {project}", effect: setting},
	{text: "revision {workload} is not ready", effect: setting, collection: "revisions"},
	{text: "to false for revision {workload} with message", effect: setting, collection: "revisions"},
	{text: "to false for service {workload} with message", effect: setting, collection: "services"},
	{text: "to false for job {workload} with message", effect: setting, collection: "jobs"},
	{text: "to false for execution {workload} with message", effect: setting, collection: "executions"},
	{text: "to false for workerpool {workload} with message", effect: setting, collection: "workerpools"},
	{text: "refers to repository {image}", effect: pushed},
	{text: "refers to a repository {image}", effect: pushed},
}
