# Certificates for brokers of our own. Sourced by ops/kafka and ops/rabbitmq, behind common.sh.
#
# make_certificates FOLDER   an authority and what it signs, for a year: ca.pem, server.pem and server.key for localhost, client.pem and client.key
#                            for whoever is called "client". Makes nothing where they are. Returns 1 where the package openssl is missing or fails,
#                            and says so; what openssl had to say lies in FOLDER/log.

make_certificates() {
  [ ! -f "$1/client.pem" ] || return 0
  if ! command -v openssl >/dev/null; then
    complain "certificates are made with the package openssl, which is missing: apt-get install openssl"
    return 1
  fi
  mkdir -p "$1"
  if ! sign_certificates "$1" 2>"$1/log"; then
    complain "no certificates could be made; the end of $1/log:"
    tail -n 5 "$1/log" >&2
    return 1
  fi
}

sign_certificates() (
  key=(-newkey rsa:2048 -nodes)
  cd "$1" && openssl req -x509 "${key[@]}" -days 365 -subj "/CN=Millrace test authority" -keyout ca.key -out ca.pem || exit 1
  for name in server=localhost client=client; do
    echo "subjectAltName=DNS:${name#*=}" >"${name%=*}.ext" &&
      openssl req "${key[@]}" -subj "/CN=${name#*=}" -keyout "${name%=*}.key" -out "${name%=*}.csr" &&
      openssl x509 -req -in "${name%=*}.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "${name%=*}.ext" -out "${name%=*}.pem" || exit 1
  done
)
