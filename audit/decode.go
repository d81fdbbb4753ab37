package audit

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math/bits"
	"reflect"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// keys are the keys of a record, in the order in which they are written.
var keys = func() (keys []string) {
	for field := range reflect.TypeFor[Record]().Fields() {
		keys = append(keys, field.Tag.Get("json"))
	}
	return keys
}()

// openings are what stands before the text of each key.
var openings = func() (openings [][]byte) {
	before := "{"
	for _, key := range keys {
		openings = append(openings, []byte(before+`"`+key+`":"`))
		before = ","
	}
	return openings
}()

// decoder reads one record after the other, and needs no memory for them beyond
// that of the longest.
type decoder struct {
	record  Record
	targets []*string // where the text of each key goes, nil for the time
	room    []byte    // for texts that have escapes
	strays  bool      // the last record has a chain value, and not where pullfix writes it
}

func newDecoder() *decoder {
	d := &decoder{}
	texts := d.record.texts()
	n := 0
	for _, key := range keys {
		if key == "at" {
			d.targets = append(d.targets, nil)
			continue
		}
		d.targets = append(d.targets, texts[n])
		n++
	}
	return d
}

// decode reads a record of this version and nothing else. The record, and the
// line that its texts lie in, stay as they are until the next call. What is
// written as pullfix writes it is read at once, everything else with care.
func (d *decoder) decode(line []byte) (*Record, error) {
	d.strays = false
	if d.quick(line) {
		return &d.record, nil
	}
	r, chained, err := decodeAny(line)
	if err != nil {
		return nil, err
	}
	_, value := splitChain(line)
	d.strays = chained && value == nil
	d.record = r
	return &d.record, nil
}

// quick reads a line as [Record.Line] writes it. It reports false where it finds
// anything else, which can be a record all the same.
func (d *decoder) quick(line []byte) (ok bool) {
	d.room = d.room[:0]
	rest := line
	for n, opening := range openings {
		if rest, ok = bytes.CutPrefix(rest, opening); !ok {
			return false
		}
		if rest, ok = d.value(d.targets[n], rest); !ok {
			return false
		}
	}
	if d.record.Version != FormatVersion {
		return false
	}
	body, value := splitChain(line)
	return value != nil && len(body) == len(line)-len(rest) || string(rest) == "}" || string(rest) == "}\n"
}

func (d *decoder) value(target *string, from []byte) (rest []byte, ok bool) {
	end := plainEnd(from)
	switch {
	case target == nil:
		if end < len(from) && from[end] == '"' && strictTime(from[:end]) && d.record.At.UnmarshalText(from[:end]) == nil {
			return from[end+1:], true
		}
		return nil, false
	case end < len(from) && from[end] == '"':
		*target = view(from[:end])
		return from[end+1:], true
	default:
		return d.unescape(target, from, end)
	}
}

// strictTime refuses what the time package takes although RFC 3339 does not have
// it: an hour of one digit, a comma, and an offset of a day or more.
func strictTime(text []byte) bool {
	const whole, zone = len("2006-01-02T15:04:05"), len("07:00")
	if len(text) <= whole || text[len("2006-01-02T")+1] == ':' || text[whole] == ',' {
		return false
	}
	offset := string(text[len(text)-zone:])
	return text[len(text)-1] == 'Z' || offset[:2] < "24" && offset[3:] < "60"
}

// plainEnd returns where the first byte is that does not stand for itself in a
// JSON string: a quote, a backslash, a control character or part of a longer
// character. It looks at eight bytes at once: a byte of special has its highest
// bit set where it is one of them, up to the first one for certain.
func plainEnd(text []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(text); n += 8 {
		word := binary.LittleEndian.Uint64(text[n:])
		quote, backslash := word^ones*'"', word^ones*'\\'
		special := (word | (word - ones*' ') | (quote-ones)&^quote | (backslash-ones)&^backslash) & high
		if special != 0 {
			return n + bits.TrailingZeros64(special)/8
		}
	}
	for n < len(text) && ' ' <= text[n] && text[n] < utf8.RuneSelf && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}

// unescape reads a text with something other than plain bytes from at on.
func (d *decoder) unescape(target *string, from []byte, at int) (rest []byte, ok bool) {
	begin := len(d.room)
	d.room = append(d.room, from[:at]...)
	for from = from[at:]; len(from) > 0; {
		if from[0] == '"' {
			*target = view(d.room[begin:])
			return from[1:], true
		}
		r, size := character(from)
		if size == 0 {
			return nil, false
		}
		d.room = utf8.AppendRune(d.room, r)
		from = from[size:]
		end := plainEnd(from)
		d.room = append(d.room, from[:end]...)
		from = from[end:]
	}
	return nil, false
}

// character reads an escape or a character of several bytes. Its size is 0
// where it is neither, or half of a character.
func character(text []byte) (r rune, size int) {
	if text[0] != '\\' {
		if r, size = utf8.DecodeRune(text); size == 1 {
			return 0, 0 // a control character, or no UTF-8
		}
		return r, size
	}
	if len(text) < 2 {
		return 0, 0
	}
	if n := bytes.IndexByte([]byte(`"\/bfnrt`), text[1]); n >= 0 {
		return rune("\"\\/\b\f\n\r\t"[n]), 2
	}
	return unicodeEscape(text)
}

func unicodeEscape(text []byte) (r rune, size int) {
	const length = len(`\u0000`)
	if len(text) < length || text[1] != 'u' {
		return 0, 0
	}
	for _, c := range text[2:length] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if digit < 0 || c < '0' {
			return 0, 0
		}
		r = r<<4 | rune(digit)
	}
	if !utf8.ValidRune(r) {
		return 0, 0
	}
	return r, length
}

// view is the text of bytes that do not change for as long as it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decodeAny reads a record however its JSON is written, and reports whether it
// has a chain value.
func decodeAny(text []byte) (r Record, chained bool, err error) {
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return Record{}, false, err
	}
	if v := fields["version"]; v != FormatVersion {
		return Record{}, false, fmt.Errorf("version %q: want %q", fmt.Sprint(cmp.Or(v, any(""))), FormatVersion)
	}
	if err := checkKeys(text); err != nil {
		return Record{}, false, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, false, err
	}
	_, chained = fields[chainKey]
	return r, chained, nil
}

// checkKeys compares the keys itself, because encoding/json takes "Principal"
// for "principal", the last one of two keys, and null for a text: who reads the
// same line with another tool would see another record.
func checkKeys(text []byte) error {
	seen := map[string]bool{}
	for key, value := range members(text) {
		word, isText := value.(string)
		switch {
		case key != chainKey && !slices.Contains(keys, key):
			return fmt.Errorf("key %q: a record of version %q has no such key", key, FormatVersion)
		case seen[key]:
			return fmt.Errorf("key %q: written twice", key)
		case !isText:
			return fmt.Errorf("key %q: got %s, want a text", key, jsonType(value))
		case key == "at" && !strictTime([]byte(word)):
			return fmt.Errorf("key %q: %q: want a time as in RFC 3339", key, word)
		case key == chainKey && !isChainValue(word):
			return fmt.Errorf("key %q: %q: want %d hexadecimal digits in lower case", key, word, chainLength)
		}
		seen[key] = true
	}
	return nil
}

// members yields the members of an object in their order.
func members(object []byte) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		read := json.NewDecoder(bytes.NewReader(object))
		_, err := read.Token()
		for err == nil && read.More() {
			var key json.Token
			var value any
			if key, err = read.Token(); err != nil {
				return
			}
			if err = read.Decode(&value); err == nil && !yield(fmt.Sprint(key), value) {
				return
			}
		}
	}
}

func jsonType(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
