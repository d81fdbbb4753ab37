package parse

import "strings"

// Around a permission in the fields of an error this many bytes are looked at.
const (
	fieldsBefore = 500
	fieldsAfter  = 400
)

// field reads the permission in the metadata of an ErrorInfo, as JSON or YAML
// (https://cloud.google.com/apis/design/errors#error_info). The fields of an
// audit log, which look much the same, count only where they say that the
// permission was not granted.
func (r *reader) field(i int) int {
	t, ok := valueOf(r.s, i, "permission")
	if !ok {
		return i
	}
	p := readPermission(t.name())
	if p.IsZero() {
		return i
	}
	from, to := max(0, i-fieldsBefore), min(len(r.s), t.to+fieldsAfter)
	around := r.s[from:to]
	if !refused(r.s[max(0, i-fieldsAfter/2):min(len(r.s), t.to+fieldsAfter/2)], around) {
		return i
	}
	d := draft{from: i, to: t.to, fields: true}
	d.Access.Permission, d.Kind = p, kindOf(p)
	if name, ok := find(r.s[t.to:to], "resource"); ok {
		d.at(readPlace(name))
	} else if name, ok := find(r.s[from:i], "resource"); ok {
		d.at(readPlace(name))
	}
	r.drafts = append(r.drafts, d)
	return t.to
}

// refused reports whether the words beside a permission say that it is
// lacking.
func refused(beside, around string) bool {
	if t, ok := find(beside, "granted"); ok {
		return strings.EqualFold(t, "false")
	}
	if strings.Contains(beside, "resourceAttributes") || strings.Contains(beside, "permissionType") {
		return false
	}
	for _, sign := range []string{"ErrorInfo", "IAM_PERMISSION_DENIED", "metadata"} {
		if strings.Contains(around, sign) {
			return true
		}
	}
	_, service := find(around, "service")
	return service
}

// find returns the value of the first field with the key.
func find(s, key string) (string, bool) {
	for at := 0; ; {
		i := strings.Index(s[at:], key)
		if i < 0 {
			return "", false
		}
		if t, ok := valueOf(s, at+i, key); ok {
			return t.name(), true
		}
		at += i + len(key)
	}
}

// valueOf returns what stands after a key and a colon.
func valueOf(s string, i int, key string) (token, bool) {
	end := word(s, i, key)
	if end < 0 {
		return token{}, false
	}
	for i := end; i < len(s) && i < end+mostMarks; i++ {
		switch b := s[i]; {
		case b == ':' || b == '=':
			return slotAt(s, i+1)
		case b != ' ' && !quoteMarks[b]:
			return token{}, false
		}
	}
	return token{}, false
}
