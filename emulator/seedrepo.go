package emulator

import (
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/artifactregistry/apiv1/artifactregistrypb"
)

func (r *seedReader) repositories(doc *seedDoc) error {
	for _, d := range doc.Repositories {
		repo, err := r.repository(d)
		if err != nil {
			return err
		}
		if repo.images, err = r.images(d.doc.Images, repo.format); err != nil {
			return err
		}
		if repo.rules, err = r.rules(repo.name, d.doc.Rules); err != nil {
			return err
		}
		r.seed.repositories = append(r.seed.repositories, repo)
		if err := r.policy(repo.name, d.doc.Policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) repository(d item[repositoryDoc]) (*repository, error) {
	name, err := r.fresh("name", d.doc.Name, repositoryForm, d.at)
	if err != nil {
		return nil, err
	}
	format, err := r.word("format", d.doc.Format, "docker", "maven", "npm", "python", "go", "apt", "yum", "kfp", "generic", "ruby")
	if err != nil {
		return nil, err
	}
	mode, err := r.word("mode", d.doc.Mode, "standard", "remote", "virtual")
	if err != nil {
		return nil, err
	}
	repo := &repository{
		name:   name,
		format: artifactregistrypb.Repository_Format(artifactregistrypb.Repository_Format_value[strings.ToUpper(format)]),
		mode:   artifactregistrypb.Repository_Mode(artifactregistrypb.Repository_Mode_value[strings.ToUpper(mode)+"_REPOSITORY"]),
	}
	if d.doc.UpstreamSecret.written() && mode != "remote" {
		return nil, r.errorAt(d.doc.UpstreamSecret.at, "upstreamSecret: want a repository with mode remote")
	}
	if repo.upstreamSecret, err = r.optional("upstreamSecret", d.doc.UpstreamSecret, versionForm); err != nil {
		return nil, err
	}
	for _, u := range d.doc.Upstreams {
		if mode != "virtual" {
			return nil, r.errorAt(u.at, "upstreams: want a repository with mode virtual")
		}
		upstream, err := r.name("upstream", u, repositoryForm, nil)
		if err != nil {
			return nil, err
		}
		repo.upstreams = append(repo.upstreams, upstream)
	}
	return repo, nil
}

func (r *seedReader) rules(repository string, docs []item[ruleDoc]) ([]*artifactregistrypb.Rule, error) {
	var rules []*artifactregistrypb.Rule
	for i, d := range docs {
		action, err := r.word("action", d.doc.Action, "DENY", "ALLOW")
		if err != nil {
			return nil, err
		}
		operation, err := r.word("operation", d.doc.Operation, "DOWNLOAD")
		if err != nil {
			return nil, err
		}
		pkg, err := r.optional("package", d.doc.Package, packageForm)
		if err != nil {
			return nil, err
		}
		rules = append(rules, &artifactregistrypb.Rule{
			Name:      fmt.Sprintf("%s/rules/rule-%d", repository, i+1),
			Action:    artifactregistrypb.Rule_Action(artifactregistrypb.Rule_Action_value[action]),
			Operation: artifactregistrypb.Rule_Operation(artifactregistrypb.Rule_Operation_value[operation]),
			PackageId: pkg,
		})
	}
	return rules, nil
}

// images reads the images of a repository, with the tags of one digest
// together.
func (r *seedReader) images(texts []scalar, format artifactregistrypb.Repository_Format) ([]*image, error) {
	byDigest, tagged := map[string]*image{}, map[string]bool{}
	var images []*image
	for _, t := range texts {
		if format != artifactregistrypb.Repository_DOCKER {
			return nil, r.errorAt(t.at, "images: want a repository with format docker")
		}
		parts, ok := imageForm.parts(t.text)
		if !ok || parts[1] == "" && parts[2] == "" {
			return nil, r.errorAt(t.at, fmt.Sprintf("image %q: want %s", t.text, imageForm.want))
		}
		pkg, tag, digest := parts[0], parts[1], parts[2]
		if tagged[pkg+":"+tag] {
			return nil, r.errorAt(t.at, fmt.Sprintf("image %q: the tag is given twice", t.text))
		}
		if digest == "" {
			digest = madeUpDigest(t.text)
		}
		i := byDigest[pkg+"@"+digest]
		if i == nil {
			i = &image{pkg: pkg, digest: digest}
			byDigest[pkg+"@"+digest] = i
			images = append(images, i)
		}
		if tag != "" {
			tagged[pkg+":"+tag] = true
			i.tags = append(i.tags, tag)
		}
	}
	slices.SortFunc(images, func(a, b *image) int {
		return strings.Compare(a.pkg+"@"+a.digest, b.pkg+"@"+b.digest)
	})
	return images, nil
}
