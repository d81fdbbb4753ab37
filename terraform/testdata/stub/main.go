// Command stub stands in for the providers of the module, google and archive,
// where no real one can be had. It knows the real schemas, from schema.json, and
// refuses what they refuse: attributes that there are not, missing ones, values
// that are not among those documented. It creates nothing: that is for the mocks
// of terraform test. Which provider it is, its own file name says.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

//go:embed schema.json
var schemas []byte

func main() {
	if err := run(filepath.Base(os.Args[0])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(program string) error {
	name, _, _ := strings.Cut(strings.TrimPrefix(program, "terraform-provider-"), "_")
	var all map[string]schema
	if err := json.Unmarshal(schemas, &all); err != nil {
		return fmt.Errorf("schema.json: %w", err)
	}
	known, ok := all[name]
	if !ok {
		return fmt.Errorf("provider %q: it is not in schema.json", name)
	}
	return tf5server.Serve("registry.terraform.io/hashicorp/"+name, func() tfprotov5.ProviderServer { return provider{schema: known} })
}

// provider answers what Terraform asks before it plans. The rest is left to the
// embedded interface, which is nil: with mocks nothing of it is called.
type provider struct {
	tfprotov5.ProviderServer
	schema schema
}

func (p provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		Provider:          &tfprotov5.Schema{Block: &tfprotov5.SchemaBlock{}},
		ResourceSchemas:   p.schema.Resources.protocol(),
		DataSourceSchemas: p.schema.Data.protocol(),
	}, nil
}

func (p provider) PrepareProviderConfig(_ context.Context, req *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: req.Config}, nil
}

func (p provider) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (p provider) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func (p provider) ValidateResourceTypeConfig(_ context.Context, req *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	wrong, err := p.schema.Resources[req.TypeName].check(req.Config)
	return &tfprotov5.ValidateResourceTypeConfigResponse{Diagnostics: wrong}, err
}

func (p provider) ValidateDataSourceConfig(_ context.Context, req *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	wrong, err := p.schema.Data[req.TypeName].check(req.Config)
	return &tfprotov5.ValidateDataSourceConfigResponse{Diagnostics: wrong}, err
}
