# Asks an HTTP server. Given: seconds (in which it has to answer), wanted (statuses, with blanks between), onward (all,
# urllib2 or nothing: which redirects a request that is more than a question follows).
# shellcheck shell=sh disable=SC2154
most=1048576

# asked_with OPTIONS: ask with these, one a line as in a file of curl's, and emit the answer.
asked_with() {
  apart
  printf '%s' "$1" >"$said/options"
  asking "$said/options" "$most"
}

# asked FILE LIMIT: ask with the options in a file, and emit the answer.
asked() {
  apart
  asking "$1" "$2"
}

# apart: make a directory for the answer, which goes with the shell.
apart() {
  said=$(mktemp -d)
  trap 'rm -rf -- "$said"' EXIT
}

# goes_on: whether the answer, of this status, is followed to "$next".
goes_on() {
  [ -n "$next" ] || return 1
  case $onward/$status in
    all/*|urllib2/301|urllib2/302|urllib2/303) hops=$((hops + 1)); [ "$hops" -le 10 ] ;;
    *) return 1 ;;
  esac
}

# onward FILE: turn the options of a request, which was for "$address", into those of the one for "$next". As Ansible's:
# behind 302 and 303 it is a GET, behind 301 a POST becomes one, and but for 307 and 308 no body is sent any more.
onward() {
  away='/^url = /d'
  case $status in 302|303) away="$away; /^request = /d" ;; 301) away="$away; /^request = \"POST\"/d" ;; esac
  case $status in 307|308) ;; *) away="$away; /^data-raw = /d; /^header = \"content-(length|type):/Id" ;; esac
  # As curl does: another server is told no secret.
  [ "$(origin "$address")" = "$(origin "$next")" ] || away="$away; /^user = /d; /^header = \"(authorization|cookie):/Id"
  sed -E "$away" "$1" >"$said/next"
  printf '%s\n' "$next" | sed -E 's/[\\"]/\\&/g; s/^/url = "/; s/$/"/' >>"$said/next"
  mv -- "$said/next" "$said/onward"
}

# origin URL: print its scheme, host and port.
origin() {
  host=${1#*://}
  printf '%s' "${1%%://*}://${host%%[/?#]*}"
}

# asking FILE LIMIT: emit status, address, headers, LIMIT bytes of the content and what went wrong.
asking() {
  : >"$said/headers"
  : >"$said/content"
  status=-1 problem='' address=''
  if command -v curl >/dev/null; then
    set -- "$1" "$2" "$1"
    hops=0
    while :; do
      # As the next address a server may name a file of this host, or what else curl speaks.
      if told=$(curl -q -sS --proto =http,https -K "$3" --max-filesize "$most" -D "$said/headers" -o "$said/content" \
        -w '%{http_code} %{url_effective} %{redirect_url}' 2>"$said/problem" </dev/null); then
        status=${told%% *}
      else
        problem="Request failed: $(head -c 500 "$said/problem")"
      fi
      address=${told#* } next=${told##* } address=${address% *}
      if [ -n "$problem" ] || ! goes_on; then break; fi
      onward "$3"
      set -- "$1" "$2" "$said/onward"
      : >"$said/headers"
      : >"$said/content"
    done
  elif command -v python3 >/dev/null; then
    told=$(timeout "$((seconds + 10))" python3 -I - "$1" "$said" "$seconds" "$most" "$onward" <<'PROGRAM'
import base64, json, sys, urllib.error, urllib.request
options, said, seconds, most, onward = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
url, method, data, headers, follows = "", None, None, {}, False
for line in open(options, encoding="utf-8"):
    name, _, value = line.strip().partition(" = ")
    value = json.loads(value) if value else ""
    if name == "url":
        url = value
    elif name == "request":
        method = value
    elif name == "head":
        method = "HEAD"
    elif name == "location":
        follows = True
    elif name == "header":
        headers[value.partition(":")[0]] = value.partition(":")[2].strip()
    elif name == "user":
        headers["Authorization"] = "Basic " + base64.b64encode(value.encode()).decode()
    elif name == "data-raw":
        data = value.encode()
class Onward(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, asked, answer, code, reason, told, url):
        method, body, fields = asked.get_method(), asked.data, dict(asked.headers)
        if not (follows or onward == "all" or (onward == "urllib2" and code in (301, 302, 303))):
            return None
        if (code in (302, 303) and method != "HEAD") or (code == 301 and method == "POST"):
            method = "GET"
        dropped = [] if code in (307, 308) else ["content-length", "content-type"]
        url = url.replace(" ", "%20")
        next = urllib.request.Request(url, origin_req_host=asked.origin_req_host, unverifiable=True, method=method)
        next.data = body if code in (307, 308) else None
        if (next.type, next.host) != (asked.type, asked.host):
            dropped += ["authorization", "cookie"]  # as curl does: another server is told no secret
        next.headers = {name: value for name, value in fields.items() if name.lower() not in dropped}
        return next
handlers = [urllib.request.ProxyHandler({}), Onward()]
request = urllib.request.Request(url, data=data, headers=headers, method=method or ("GET" if data is None else "POST"))
try:
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        answer = error
    content = answer.read(most + 1)
    if len(content) > most:
        raise OSError("the answer is longer than a MiB")
    with open(said + "/headers", "w", encoding="latin-1") as file:
        file.write("HTTP/1.1 %s %s\n" % (answer.status, answer.reason) + "".join("%s: %s\n" % pair for pair in answer.headers.items()))
    with open(said + "/content", "wb") as file:
        file.write(content)
    print(answer.status, answer.geturl())
except Exception as error:
    print(-1, url)
    with open(said + "/problem", "w") as file:
        file.write("Request failed: %s" % error)
PROGRAM
    )
    status=${told%% *} address=${told#* }
    if [ -e "$said/problem" ]; then problem=$(head -c 500 "$said/problem"); fi
  else
    unknown "this host has neither curl nor python3 yet"
  fi
  emit status "$status"
  emit url "$address"
  emit problem "$problem"
  emit headers "$(head -c 65536 "$said/headers" | base64 -w 0)"
  emit content "$(head -c "$2" "$said/content" | base64 -w 0)"
  rm -rf -- "$said"
  trap - EXIT
}

# as_wanted: fail where the status is not one of those that are wanted.
as_wanted() {
  case " $wanted " in *" $status "*) return 0 ;; esac
  echo "Status code was $status and not $wanted${problem:+: $problem}" >&2
  exit 1
}
