package emulator

import (
	"context"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
)

// maxSecret is the size limit of a payload.
const maxSecret = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// secret has one version, or none while its value is nil.
type secret struct {
	name  string
	value []byte
}

type secretServer struct {
	policyServer
	unimplementedSecrets
	world *catalog
}

type unimplementedSecrets struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
}

func (c *catalog) secret(name string) (*secret, error) {
	if s, ok := c.secrets[c.canonical(name)]; ok {
		return s, nil
	}
	return nil, notFound("Secret [%s] not found.", name)
}

func (c *catalog) secretName(name string) (string, error) {
	s, err := c.secret(name)
	if err != nil {
		return "", err
	}
	return s.name, nil
}

// secretVersion finds version 1, also under the name "latest".
func (c *catalog) secretVersion(name string) (*secret, error) {
	parent, version, _ := strings.Cut(name, "/versions/")
	s, err := c.secret(parent)
	switch {
	case err != nil:
		return nil, err
	case s.value == nil:
		return nil, notFound("Secret [%s] not found or has no versions.", parent)
	case version != "1" && version != "latest":
		return nil, notFound("Secret Version [%s] not found.", name)
	}
	return s, nil
}

func (s *secret) proto() *secretmanagerpb.Secret {
	return &secretmanagerpb.Secret{
		Name:       s.name,
		CreateTime: created,
		Replication: &secretmanagerpb.Replication{
			Replication: &secretmanagerpb.Replication_Automatic_{Automatic: &secretmanagerpb.Replication_Automatic{}},
		},
	}
}

func (s *secretServer) GetSecret(_ context.Context, req *secretmanagerpb.GetSecretRequest) (*secretmanagerpb.Secret, error) {
	found, err := s.world.secret(req.GetName())
	if err != nil {
		return nil, err
	}
	return found.proto(), nil
}

func (s *secretServer) ListSecrets(_ context.Context, req *secretmanagerpb.ListSecretsRequest) (*secretmanagerpb.ListSecretsResponse, error) {
	if err := noFilter(req.GetFilter()); err != nil {
		return nil, err
	}
	prefix := s.world.canonical(req.GetParent()) + "/secrets/"
	var all []*secretmanagerpb.Secret
	for _, name := range slices.Sorted(maps.Keys(s.world.secrets)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, s.world.secrets[name].proto())
		}
	}
	secrets, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &secretmanagerpb.ListSecretsResponse{Secrets: secrets, NextPageToken: next, TotalSize: int32(len(all))}, nil
}

func (s *secretServer) GetSecretVersion(_ context.Context, req *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	found, err := s.world.secretVersion(req.GetName())
	if err != nil {
		return nil, err
	}
	return &secretmanagerpb.SecretVersion{
		Name:       found.name + "/versions/1",
		CreateTime: created,
		State:      secretmanagerpb.SecretVersion_ENABLED,
	}, nil
}

func (s *secretServer) AccessSecretVersion(_ context.Context, req *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	found, err := s.world.secretVersion(req.GetName())
	if err != nil {
		return nil, err
	}
	sum := int64(crc32.Checksum(found.value, castagnoli))
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    found.name + "/versions/1",
		Payload: &secretmanagerpb.SecretPayload{Data: found.value, DataCrc32C: &sum},
	}, nil
}
