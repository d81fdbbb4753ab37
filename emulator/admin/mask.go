package admin

import (
	"maps"
	"slices"
	"strings"
)

// apply sets the fields of the document that the paths name to those of the
// update; one that the update does not have is cleared. Without paths it sets
// whatever the update has.
func apply(doc, update document, paths []string) {
	if len(paths) == 0 || slices.Equal(paths, []string{"*"}) {
		paths = slices.Collect(maps.Keys(update))
	}
	for _, p := range paths {
		set(doc, update, strings.Split(camel(p), "."))
	}
}

func set(doc, update document, fields []string) {
	field := fields[0]
	if len(fields) == 1 {
		if value, ok := update[field]; ok {
			doc[field] = copiedValue(value)
		} else {
			delete(doc, field)
		}
		return
	}
	inner := within(doc, field)
	doc[field] = inner
	set(inner, within(update, field), fields[1:])
}

// camel turns the names of proto fields into those of JSON.
func camel(p string) string {
	words := strings.Split(p, "_")
	for i := range words[1:] {
		if w := words[i+1]; w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// masked reads the paths of a mask.
func masked(mask string) []string {
	if mask == "" {
		return nil
	}
	return strings.Split(mask, ",")
}
