#!/bin/sh
# Makes the certificates of these tests anew: OpenSSL 3. They are valid from 2020 to
# 2120, but for the one that has expired. The authority's key is not kept.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
from=20200101000000Z to=21200101000000Z
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
# sign NAME SUBJECT ISSUER EXTENSIONS FROM TO
sign() {
    : >"$work/index"
    printf '%b' "$4" >"$work/ext"
    cat >"$work/conf" <<END
[ca]
default_ca = it
[it]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$work/csr"
    if [ "$3" = self ]; then by="-selfsign -keyfile $1.key"; else by="-cert $3.pem -keyfile $3.key"; fi
    openssl ca -batch -notext -config "$work/conf" -in "$work/csr" -out "$1.pem" $by \
        -startdate "${5:-$from}" -enddate "${6:-$to}" -extfile "$work/ext" 2>/dev/null
}
authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
of_server='basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName='
for name in ca stranger between server leaf other expired client own own_ca; do key $name.key; done
sign ca "Test authority" self "$authority"
sign stranger "Another authority" self "$authority"
sign between "Authority between" ca "$authority"
local='DNS:localhost,IP:127.0.0.1,IP:::1\n'
sign server localhost ca "$of_server$local"
sign leaf localhost between "$of_server$local"
sign other other.example ca "${of_server}DNS:other.example,DNS:*.wild.example\n"
sign expired localhost ca "$of_server$local" 20200101000000Z 20200201000000Z
sign client ada ca 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\nsubjectAltName=email:ada@example.org\n'
sign own localhost self "$of_server$local"
sign own_ca localhost self "basicConstraints=CA:TRUE\nsubjectAltName=$local"
cat leaf.pem between.pem >chain.pem
cat between.pem leaf.pem >wrong_order.pem
openssl pkey -in server.key -aes128 -passout pass:secret -out encrypted.key
openssl pkcs12 -export -in server.pem -inkey server.key -passout pass:secret -out server.pfx
openssl req -new -key server.key -subj /CN=localhost -out "$work/csr"
openssl x509 -req -in "$work/csr" -signkey server.key -days 36500 -out version_1.pem 2>/dev/null
openssl ecparam -name secp521r1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out p521.key
openssl req -x509 -key p521.key -subj /CN=localhost -days 36500 -out p521.pem
rm -f ca.key stranger.key between.key leaf.pem between.pem
