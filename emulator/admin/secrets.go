package admin

import (
	"encoding/base64"
	"hash/crc32"
	"strconv"
	"strings"
)

// maxSecret is the size limit of a payload.
const maxSecret = 64 << 10

func secretKinds() []*kind {
	return []*kind{
		{
			version: "v1", path: "secrets/*", message: "google.cloud.secretmanager.v1.Secret", serves: creates | updates | deletes,
			id: fromQuery("secretId"), form: newForm(`1 to 255 of letters, digits, - and _`, `[A-Za-z0-9_-]{1,255}`),
			stamps: []string{"createTime"}, etag: true, complete: completeSecret, ended: secretEnded,
			verbs: map[string]verb{"addVersion": {"AddSecretVersion", addVersion}},
		},
		{
			version: "v1", path: "secrets/*/versions/*", message: "google.cloud.secretmanager.v1.SecretVersion", serves: lists,
			verbs: map[string]verb{
				"enable":  {"EnableSecretVersion", versionState("ENABLED")},
				"disable": {"DisableSecretVersion", versionState("DISABLED")},
				"destroy": {"DestroySecretVersion", versionState("DESTROYED")},
			},
		},
	}
}

func completeSecret(_ *call, _, doc document) error {
	if len(within(doc, "replication")) == 0 {
		return invalid("The replication of the secret must be specified.")
	}
	return nil
}

func secretEnded(c *call, _ document) (document, error) {
	for _, version := range c.Below(c.name + "/versions") {
		name := text(version, "name")
		c.docs.remove(name)
		delete(c.payloads, name)
	}
	return nil, nil
}

func addVersion(c *call) (any, error) {
	if _, err := c.found(); err != nil {
		return nil, err
	}
	payload := within(c.body, "payload")
	value, err := base64.StdEncoding.DecodeString(text(payload, "data"))
	if err != nil || len(value) > maxSecret {
		return nil, invalid("Invalid payload: want at most %d bytes.", maxSecret)
	}
	sum := crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli))
	if given := text(payload, "dataCrc32c"); given != "" && given != strconv.FormatUint(uint64(sum), 10) {
		return nil, invalid("The payload does not have the checksum %s.", given)
	}
	doc := c.putVersion(c.name, value, now())
	return changed(doc, document{"clientSpecifiedPayloadChecksum": text(payload, "dataCrc32c") != ""}), nil
}

func (s *Server) putVersion(secret string, value []byte, created string) document {
	name := secret + "/versions/" + strconv.Itoa(len(s.Below(secret+"/versions"))+1)
	doc := document{"name": name, "createTime": created, "state": "ENABLED", "etag": newEtag(s.number())}
	s.docs.put(name, doc)
	s.payloads[name] = value
	return doc
}

// versionState returns the method that brings a version into a state. What is
// destroyed stays so.
func versionState(state string) action {
	return func(c *call) (any, error) {
		doc, err := c.found()
		switch {
		case err != nil:
			return nil, err
		case doc["state"] == "DESTROYED":
			return nil, precondition("The secret version %s is destroyed.", c.name)
		case state == "DESTROYED":
			delete(c.payloads, c.name)
		}
		doc = changed(doc, document{"state": state, "etag": newEtag(c.number())})
		c.docs.put(c.name, doc)
		return doc, nil
	}
}

// AddSecret puts a secret that was there before, and its first version unless
// the value is nil.
func (s *Server) AddSecret(name string, value []byte, created string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs.put(name, document{"name": name, "createTime": created, "replication": document{"automatic": document{}}})
	if value != nil {
		s.putVersion(name, value, created)
	}
}

// SecretVersion returns a version of a secret and its payload. The version
// "latest" is the one that was made last.
func (s *Server) SecretVersion(name string) (doc map[string]any, payload []byte, exists bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret, ok := strings.CutSuffix(name, "/versions/latest"); ok {
		name = secret + "/versions/" + strconv.Itoa(len(s.Below(secret+"/versions")))
	}
	doc, exists = s.docs.get(name)
	return doc, s.payloads[name], exists
}
