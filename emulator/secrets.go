package emulator

import (
	"context"
	"hash/crc32"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxSecret is the size limit of a payload.
const maxSecret = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// secret is one of the seed: it has one version, or none while its value is nil.
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

func (c *catalog) secretName(name string) (string, error) {
	full := c.canonical(name)
	if !c.made.Has(full) {
		return "", notFound("Secret [%s] not found.", name)
	}
	return full, nil
}

// version finds one and its payload, also under the name "latest".
func (c *catalog) version(name string) (*secretmanagerpb.SecretVersion, []byte, error) {
	parent, version, _ := strings.Cut(name, "/versions/")
	full, err := c.secretName(parent)
	if err != nil {
		return nil, nil, err
	}
	doc, payload, ok := c.made.SecretVersion(full + "/versions/" + version)
	if !ok && version == "latest" {
		return nil, nil, notFound("Secret [%s] not found or has no versions.", parent)
	}
	if !ok {
		return nil, nil, notFound("Secret Version [%s] not found.", name)
	}
	found := &secretmanagerpb.SecretVersion{}
	return found, payload, fromObject(doc, found)
}

func (s *secretServer) GetSecret(_ context.Context, req *secretmanagerpb.GetSecretRequest) (*secretmanagerpb.Secret, error) {
	return read(s.world, s.resolve, req.GetName(), &secretmanagerpb.Secret{})
}

func (s *secretServer) ListSecrets(_ context.Context, req *secretmanagerpb.ListSecretsRequest) (*secretmanagerpb.ListSecretsResponse, error) {
	if err := noFilter(req.GetFilter()); err != nil {
		return nil, err
	}
	secrets, next, err := readPage(s.world, "secrets", req, func() *secretmanagerpb.Secret { return &secretmanagerpb.Secret{} })
	total := len(s.world.made.Below(s.world.canonical(req.GetParent()) + "/secrets"))
	return &secretmanagerpb.ListSecretsResponse{Secrets: secrets, NextPageToken: next, TotalSize: int32(total)}, err
}

func (s *secretServer) GetSecretVersion(_ context.Context, req *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	found, _, err := s.world.version(req.GetName())
	return found, err
}

func (s *secretServer) AccessSecretVersion(_ context.Context, req *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	found, payload, err := s.world.version(req.GetName())
	if err != nil {
		return nil, err
	}
	if found.GetState() != secretmanagerpb.SecretVersion_ENABLED {
		return nil, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in %s state.", req.GetName(), found.GetState())
	}
	sum := int64(crc32.Checksum(payload, castagnoli))
	return &secretmanagerpb.AccessSecretVersionResponse{
		Name:    found.GetName(),
		Payload: &secretmanagerpb.SecretPayload{Data: payload, DataCrc32C: &sum},
	}, nil
}
