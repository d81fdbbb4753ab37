package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
)

// image is one digest of a package and the tags that point at it.
type image struct {
	pkg, digest string
	tags        []string
}

// madeUpDigest is the digest of an image that was seeded without one.
func madeUpDigest(image string) string {
	sum := sha256.Sum256([]byte(image))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// packageName is the full name of a package; the slashes in it are escaped.
func (r *repository) packageName(pkg string) string {
	return r.name + "/packages/" + url.PathEscape(pkg)
}

func (r *repository) imageName(i *image) string {
	return r.name + "/dockerImages/" + url.PathEscape(i.pkg) + "@" + i.digest
}

func (r *repository) imageProto(i *image) *artifactregistrypb.DockerImage {
	return &artifactregistrypb.DockerImage{
		Name:           r.imageName(i),
		Uri:            r.registryURI() + "/" + i.pkg + "@" + i.digest,
		Tags:           i.tags,
		ImageSizeBytes: 1 << 20,
		MediaType:      "application/vnd.docker.distribution.manifest.v2+json",
		UploadTime:     created,
		UpdateTime:     created,
	}
}

func (r *repository) packageProto(pkg string) *artifactregistrypb.Package {
	return &artifactregistrypb.Package{Name: r.packageName(pkg), CreateTime: created, UpdateTime: created}
}

func (r *repository) versionProto(i *image) *artifactregistrypb.Version {
	return &artifactregistrypb.Version{
		Name:        r.packageName(i.pkg) + "/versions/" + i.digest,
		CreateTime:  created,
		UpdateTime:  created,
		RelatedTags: r.tagProtos(i),
	}
}

func (r *repository) tagProtos(i *image) []*artifactregistrypb.Tag {
	var tags []*artifactregistrypb.Tag
	for _, tag := range i.tags {
		tags = append(tags, &artifactregistrypb.Tag{
			Name:    r.packageName(i.pkg) + "/tags/" + tag,
			Version: r.packageName(i.pkg) + "/versions/" + i.digest,
		})
	}
	return tags
}

// inPackage finds a package by its full name, with its images.
func (c *catalog) inPackage(name string) (*repository, []*image, error) {
	parent, id, _ := strings.Cut(name, "/packages/")
	r, err := c.repository(parent)
	if err != nil {
		return nil, nil, err
	}
	var images []*image
	for _, i := range r.images {
		if url.PathEscape(i.pkg) == id {
			images = append(images, i)
		}
	}
	if len(images) == 0 {
		return nil, nil, noEntity()
	}
	return r, images, nil
}

func (s *registryServer) GetDockerImage(_ context.Context, req *artifactregistrypb.GetDockerImageRequest) (*artifactregistrypb.DockerImage, error) {
	parent, _, _ := strings.Cut(req.GetName(), "/dockerImages/")
	r, err := s.world.repository(parent)
	if err != nil {
		return nil, err
	}
	for _, i := range r.images {
		if r.imageName(i) == s.world.canonical(req.GetName()) {
			return r.imageProto(i), nil
		}
	}
	return nil, noEntity()
}

func (s *registryServer) ListDockerImages(_ context.Context, req *artifactregistrypb.ListDockerImagesRequest) (*artifactregistrypb.ListDockerImagesResponse, error) {
	r, err := s.world.repository(req.GetParent())
	if err != nil {
		return nil, err
	}
	var all []*artifactregistrypb.DockerImage
	for _, i := range r.images {
		all = append(all, r.imageProto(i))
	}
	images, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListDockerImagesResponse{DockerImages: images, NextPageToken: next}, err
}

func (s *registryServer) GetPackage(_ context.Context, req *artifactregistrypb.GetPackageRequest) (*artifactregistrypb.Package, error) {
	r, images, err := s.world.inPackage(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.packageProto(images[0].pkg), nil
}

func (s *registryServer) ListPackages(_ context.Context, req *artifactregistrypb.ListPackagesRequest) (*artifactregistrypb.ListPackagesResponse, error) {
	if err := noFilter(req.GetFilter()); err != nil {
		return nil, err
	}
	r, err := s.world.repository(req.GetParent())
	if err != nil {
		return nil, err
	}
	var all []*artifactregistrypb.Package
	for _, i := range r.images {
		p := r.packageProto(i.pkg)
		if len(all) == 0 || all[len(all)-1].GetName() != p.GetName() {
			all = append(all, p)
		}
	}
	packages, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListPackagesResponse{Packages: packages, NextPageToken: next}, err
}

func (s *registryServer) GetVersion(_ context.Context, req *artifactregistrypb.GetVersionRequest) (*artifactregistrypb.Version, error) {
	parent, digest, _ := strings.Cut(req.GetName(), "/versions/")
	r, images, err := s.world.inPackage(parent)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(images, func(i *image) bool { return i.digest == digest })
	if i < 0 {
		return nil, noEntity()
	}
	return r.versionProto(images[i]), nil
}

func (s *registryServer) ListVersions(_ context.Context, req *artifactregistrypb.ListVersionsRequest) (*artifactregistrypb.ListVersionsResponse, error) {
	if err := noFilter(req.GetFilter()); err != nil {
		return nil, err
	}
	r, images, err := s.world.inPackage(req.GetParent())
	if err != nil {
		return nil, err
	}
	var all []*artifactregistrypb.Version
	for _, i := range images {
		all = append(all, r.versionProto(i))
	}
	versions, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListVersionsResponse{Versions: versions, NextPageToken: next}, err
}

func (s *registryServer) GetTag(_ context.Context, req *artifactregistrypb.GetTagRequest) (*artifactregistrypb.Tag, error) {
	parent, _, _ := strings.Cut(req.GetName(), "/tags/")
	r, images, err := s.world.inPackage(parent)
	if err != nil {
		return nil, err
	}
	for _, i := range images {
		for _, tag := range r.tagProtos(i) {
			if tag.GetName() == s.world.canonical(req.GetName()) {
				return tag, nil
			}
		}
	}
	return nil, noEntity()
}

func (s *registryServer) ListTags(_ context.Context, req *artifactregistrypb.ListTagsRequest) (*artifactregistrypb.ListTagsResponse, error) {
	r, images, err := s.world.inPackage(req.GetParent())
	if err != nil {
		return nil, err
	}
	matches, err := parseFilter(req.GetFilter(), (*artifactregistrypb.Tag)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	var all []*artifactregistrypb.Tag
	for _, i := range images {
		for _, tag := range r.tagProtos(i) {
			if matches(map[string]any{"name": tag.GetName(), "version": tag.GetVersion()}) {
				all = append(all, tag)
			}
		}
	}
	tags, next, err := page(all, req.GetPageSize(), req.GetPageToken())
	return &artifactregistrypb.ListTagsResponse{Tags: tags, NextPageToken: next}, err
}
