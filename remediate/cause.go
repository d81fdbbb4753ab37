package remediate

// Cause is the word for what speaks against a grant, or for why it was not
// made. The words are stable: records, alerts and the documentation use them.
// The zero Cause means that the grant would help.
type Cause string

// WouldHelp means that nothing speaks against the grant.
const WouldHelp Cause = ""

// The causes that a limit of pullfix's has.
const (
	NotGrantable Cause = "not-grantable" // pullfix never grants anything for the kind
	Incomplete   Cause = "incomplete"    // the member or the resource is not known
	Member       Cause = "member"        // the member is of a kind that nothing is granted to
	BadRole      Cause = "role"          // the role is none that mends the kind
	BadResource  Cause = "resource"      // the resource is none that a grant would be on
	GoogleOwned  Cause = "google-owned"  // only Google can change the policy
	Self         Cause = "self"          // the member is pullfix's own account
)

// The causes that a check of live state finds, the gravest first.
const (
	Spoof             Cause = "spoof"              // the agent belongs to another project than the entry
	ForeignMember     Cause = "foreign-member"     // the rule names a class, and the account is of another project
	NotRedirected     Cause = "gcr-not-redirected" // gcr.io of the project is not served by Artifact Registry
	RepositoryMissing Cause = "repository-missing" // there is nothing to grant on
	SecretMissing     Cause = "secret-missing"
	ServiceMissing    Cause = "service-missing"  // or a job, or a worker pool
	ImageMissing      Cause = "image-missing"    // the image would not be found with the role either
	DownloadRule      Cause = "download-rule"    // a rule of the repository denies the download
	UpstreamSecret    Cause = "upstream-secret"  // a remote repository cannot read its own credential
	VirtualUpstream   Cause = "virtual-upstream" // a virtual repository cannot read one of its upstreams
	AlreadyHeld       Cause = "already-held"     // the member holds the role, or one that contains it
	PolicyFull        Cause = "policy-full"      // the policy holds as many principals as one can
	Unverified        Cause = "unverified"       // something that matters could not be read
)

// The causes that a write ends with, and Perimeter also a read.
const (
	WriteDenied   Cause = "write-denied"   // pullfix may not change the policy, somebody else may
	WriteRefused  Cause = "write-refused"  // nobody may make this change
	OrgPolicy     Cause = "org-policy"     // an organisation policy refuses the member
	MemberMissing Cause = "member-missing" // the account does not exist, or not yet
	Perimeter     Cause = "vpc-sc"         // a service perimeter keeps pullfix out, of a read or of the write
)
