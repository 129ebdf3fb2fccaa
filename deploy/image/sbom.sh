# sbom.sh VERSION: what the image is made of, as SPDX 2.3 JSON on standard output: wxbus and every Debian package.
# Run in the finished image, whose dpkg knows. The same packages give the same bytes, `created` aside.
set -eu

version=$1
packages=$(dpkg-query -W -f '${Package} ${Version} ${Architecture} ${source:Package}\n' | LC_ALL=C sort)
name="wxbus-$version"
digest=$(printf '%s\n' "$name" "$packages" | sha256sum | cut -c 1-32)

printf '{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"%s",\n' "$name"
printf '"documentNamespace":"urn:wxbus:sbom:%s:%s",\n' "$version" "$digest"
printf '"creationInfo":{"created":"%s","creators":["Tool: wxbus-sbom"]},\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
printf '"documentDescribes":["SPDXRef-wxbus"],\n"packages":[\n'
printf '{"SPDXID":"SPDXRef-wxbus","name":"wxbus","versionInfo":"%s","licenseDeclared":"Apache-2.0",' "$version"
printf '"licenseConcluded":"Apache-2.0","copyrightText":"NOASSERTION","downloadLocation":"NOASSERTION",'
printf '"filesAnalyzed":false}'
printf '%s\n' "$packages" | while read -r package full arch source; do
	id=$(printf '%s' "$package" | tr -c 'A-Za-z0-9.' '-')
	purl=$(printf '%s' "$package@$full" | sed 's/+/%2B/g; s/:/%3A/g; s/~/%7E/g')
	printf ',\n{"SPDXID":"SPDXRef-deb-%s","name":"%s","versionInfo":"%s","supplier":"Organization: Debian",' \
		"$id" "$package" "$full"
	printf '"sourceInfo":"built from %s","licenseDeclared":"NOASSERTION","licenseConcluded":"NOASSERTION",' "$source"
	printf '"copyrightText":"NOASSERTION","downloadLocation":"NOASSERTION","filesAnalyzed":false,'
	printf '"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl",'
	printf '"referenceLocator":"pkg:deb/debian/%s?arch=%s"}]}' "$purl" "$arch"
done
printf '\n],\n"relationships":[\n'
printf '{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-wxbus"}'
printf '%s\n' "$packages" | while read -r package _; do
	id=$(printf '%s' "$package" | tr -c 'A-Za-z0-9.' '-')
	printf ',\n{"spdxElementId":"SPDXRef-wxbus","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-deb-%s"}' "$id"
done
printf '\n]}\n'
