#!/usr/bin/env bash
# Copies what the function is built from into an empty folder, and a rules file
# into it as rules.yaml: deploy/stage.sh RULES FOLDER
# It takes all packages, because the build runs go mod tidy, which looks at all of
# them; and no other file, because one with a secret may lie beside the source.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")/..

(
  cd "$here"
  find . -name '.?*' -prune -o -name docs -prune -o -name terraform -prune -o -name testdata -prune -o \
    -type f \( -name '*.go' -o -name go.mod -o -name go.sum -o -path './notify/*' \) ! -name '*_test.go' -print |
    tar -cf - -T -
) | tar -xf - -C "$2"
cp -- "$1" "$2/rules.yaml"
