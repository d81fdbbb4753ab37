// Package terraform holds tests alone: they read the module in this folder, and
// fail when it is not formatted, not valid, or not what the stories in tests say.
// Of each resource the real provider's schema comes in, and a stand-in for the
// provider goes to Terraform, which knows that schema and creates nothing. What
// the module reads out of rules files is held against what pullfix reads, and
// the tables of the README against the module.
package terraform
