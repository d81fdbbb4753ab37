package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Error is what a service answers instead of a document.
type Error struct {
	Service    string // such as pubsub.googleapis.com
	Code       int    // of HTTP
	Message    string
	Permission string // that was missing, where the answer says so
	Disabled   bool   // the service is not enabled in the project that asks, or is asked about
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s answers %d: %s", e.Service, e.Code, e.Message)
}

// Missing reports whether an error says that there is no such document.
func Missing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == http.StatusNotFound
}

// Refused returns the error of somebody who may not look.
func Refused(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e) && (e.Code == http.StatusForbidden || e.Code == http.StatusUnauthorized)
	return e, ok
}

// body is the form of errors that all services share
// (https://cloud.google.com/apis/design/errors).
type body struct {
	Error struct {
		Message string `json:"message"`
		Details []struct {
			Reason   string            `json:"reason"`
			Metadata map[string]string `json:"metadata"`
		} `json:"details"`
	} `json:"error"`
}

// inText finds the permission in the message of a service that gives no detail.
var inText = regexp.MustCompile(`[Pp]ermission '?([a-z]+(?:\.[a-zA-Z]+){2,})`)

func errorOf(service string, code int, text []byte) *Error {
	e := &Error{Service: service, Code: code, Message: http.StatusText(code)}
	var b body
	if json.Unmarshal(text, &b) != nil || b.Error.Message == "" {
		return e
	}
	e.Message = oneLine(b.Error.Message)
	for _, d := range b.Error.Details {
		e.Disabled = e.Disabled || d.Reason == "SERVICE_DISABLED"
		if p := d.Metadata["permission"]; p != "" {
			e.Permission = p
		}
	}
	if found := inText.FindStringSubmatch(e.Message); e.Permission == "" && found != nil {
		e.Permission = found[1]
	}
	return e
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
