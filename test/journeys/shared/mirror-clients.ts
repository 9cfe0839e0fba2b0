/** What a person does on a host of the enclave with one ecosystem's own client, and how a depot that lies to it is refused. */
export interface MirrorClient {
  readonly name: string
  /** Where there are several of a name. */
  readonly variant?: string
  /** Shell lines in a folder of the client's own, which has the files of `clients/NAME`: install from nothing, and run. */
  readonly install: string
  readonly says: RegExp
  readonly lies: readonly Lie[]
}

/** A file of the depot (below `current/`, a shell pattern) that is not what it was. */
export interface Lie {
  /** What the depot's owner did, as the table of docs/guides/mirrors.md has it. */
  readonly what: 'a file' | 'index and file'
  /** How tamper.py changes it, the file, and the indexes that are made to fit. */
  readonly change: string
  /** What the client says when it refuses; without it the client takes the lie, as the table says. */
  readonly refused?: RegExp
  /** Shell lines, when they are others than those of the installation. */
  readonly attempt?: string
}

const GO = 'export $(cat go.env) GOMODCACHE=$PWD/modules GOFLAGS=-modcacherw GOCACHE=/var/tmp/gocache; chmod -R u+w modules 2>/dev/null; rm -rf modules'
const PIP = 'rm -rf site; PIP_CONFIG_FILE=$PWD/pip.conf python3 -m pip install --quiet --no-cache-dir --target site'

const TOFU = 'export TF_CLI_CONFIG_FILE=~/clients/terraform/tofurc TF_IN_AUTOMATION=1; tofu=~/clients/terraform/tofu; rm -rf .terraform greeting terraform.tfstate*'
const PUBLISHED = 'registry.example.org/team/local'

export const MIRROR_CLIENTS: readonly MirrorClient[] = [
  {
    name: 'apt',
    install: 'apt-get -q -y --no-install-recommends install hello && hello',
    says: /Hello, world!/,
    lies: [
      { what: 'a file', change: 'flip apt/pool/main/h/hello/hello_*.deb', attempt: 'apt-get clean; apt-get -q -y --reinstall install hello', refused: /Hash Sum mismatch/ },
      { what: 'index and file', change: 'grow apt/dists/trixie/InRelease', attempt: 'rm -rf /var/lib/apt/lists; apt-get -q -o APT::Update::Error-Mode=any update', refused: /not signed|NODATA|NO_PUBKEY|BADSIG|Clearsigned|Splitting up/ },
    ],
  },
  {
    name: 'npm',
    install: 'rm -rf node_modules cache; npm ci --no-progress && node -p "require(\'is-odd\')(3) && \'odd\'"',
    says: /^odd$/m,
    lies: [
      { what: 'a file', change: 'flip npm/npm/_tarballs/is-number/is-number-6.0.0.tgz', attempt: 'rm -rf other; mkdir other; cp .npmrc other; cd other; echo {} > package.json; npm install --no-progress --fetch-retries=0 is-odd@3.0.1', refused: /EINTEGRITY/ },
      { what: 'index and file', change: 'flip npm/_tarballs/is-number/is-number-6.0.0.tgz npm/is-number', attempt: 'rm -rf node_modules cache; npm ci --no-progress --fetch-retries=0', refused: /EINTEGRITY/ },
    ],
  },
  {
    name: 'pypi',
    install: `${PIP} --require-hashes -r requirements.txt && PYTHONPATH=site python3 -c 'import jinja2, markupsafe._speedups; print(jinja2.Template("hello {{ x }}").render(x="template"))'`,
    says: /hello template/,
    lies: [
      { what: 'a file', change: 'flip pypi/files/jinja2-*.whl', attempt: `${PIP} jinja2`, refused: /DO NOT MATCH THE HASHES/ },
      { what: 'index and file', change: 'zip pypi/files/jinja2-*.whl pypi/simple/jinja2/index.html', refused: /DO NOT MATCH THE HASHES/ },
    ],
  },
  {
    name: 'go',
    install: `${GO}; go run . 2>&1`,
    says: /(?:Hello|Ahoy), world/,
    lies: [
      // A sum covers what is in a zip, not its headers: a bit of those may change. Nothing on the depot says what a sum should be.
      { what: 'a file', change: 'zip go/rsc.io/quote/@v/v1.5.2.zip', refused: /SECURITY ERROR/ },
      { what: 'index and file', change: 'zip go/rsc.io/sampler/@v/v1.3.0.zip', refused: /SECURITY ERROR/ },
    ],
  },
  {
    name: 'maven',
    install:
      'rm -rf repository target; mvn -q -B -s settings.xml -Dmaven.repo.local=$PWD/repository package && java -cp target/classes:$(ls repository/org/slf4j/*/2.0.17/*.jar | paste -sd:) Hello 2>&1',
    says: /from maven/,
    lies: [
      { what: 'a file', change: 'flip maven/org/slf4j/slf4j-api/2.0.17/slf4j-api-2.0.17.jar', attempt: 'rm -rf repository/org/slf4j; mvn -q -B -s settings.xml -Dmaven.repo.local=$PWD/repository package', refused: /Checksum validation failed/ },
      { what: 'index and file', change: 'flip maven/org/slf4j/slf4j-parent/2.0.17/slf4j-parent-2.0.17.pom maven/org/slf4j/slf4j-parent/2.0.17/slf4j-parent-2.0.17.pom.sha1', attempt: 'rm -rf repository/org/slf4j; mvn -q -B -s settings.xml -Dmaven.repo.local=$PWD/repository package; test -f repository/org/slf4j/slf4j-parent/2.0.17/slf4j-parent-2.0.17.pom' },
    ],
  },
  {
    name: 'galaxy',
    // The client keeps answers of a server for a day: each time begins without them.
    install:
      'rm -rf installed /tmp/greeting ~/.ansible; export ANSIBLE_CONFIG=$PWD/ansible.cfg; ansible-galaxy collection install -r requirements.yml -p installed && ANSIBLE_COLLECTIONS_PATH=installed ansible-playbook -i localhost, -c local play.yml && cat /tmp/greeting',
    says: /hello from a collection/,
    lies: [
      { what: 'a file', change: 'flip galaxy/artifacts/example-words-1.0.0.tar.gz', refused: /Mismatch artifact hash/ },
      { what: 'index and file', change: 'grow galaxy/artifacts/example-words-1.0.0.tar.gz galaxy/api/v3/collections/example/words/versions/1.0.0/index.json' },
    ],
  },
  {
    name: 'git',
    install: 'rm -rf tools; git -c http.emptyAuth=false clone --quiet --branch v1.0 https://$DEPOT/git/tools.git && test $(git -C tools rev-parse HEAD) = $(cat commit) && tools/greet',
    says: /hello from a repository/,
    lies: [{ what: 'a file', change: 'flip git/tools.git/objects/pack/pack-*.pack', refused: /fatal|error/ }],
  },
  {
    name: 'rpm',
    install: 'rm -rf root cache; dnf -y --installroot=$PWD/root --releasever=13 --setopt=reposdir=$PWD/repos --setopt=cachedir=$PWD/cache --setopt=logdir=$PWD install greet && root/usr/bin/greet-rpm-words',
    says: /hello from an rpm/,
    lies: [
      { what: 'a file', change: 'flip rpm/tools/greet-words-1.0-1.noarch.rpm', refused: /checksum doesn't match/i },
      { what: 'index and file', change: 'grow rpm/tools/repodata/repomd.xml', refused: /signature verif|GPG/i },
    ],
  },
  {
    name: 'terraform',
    install: `${TOFU}; $tofu init -no-color && $tofu apply -auto-approve -no-color >&2 && cat greeting`,
    says: /hello from a provider/,
    lies: [
      { what: 'a file', change: `flip terraform/${PUBLISHED}/*.zip`, refused: /checksum|does not match|corrupt|flate|zip/i },
      { what: 'index and file', change: `zip $(echo terraform/${PUBLISHED}/*.zip) terraform/${PUBLISHED}/2.5.0.json`, refused: /checksum|does not match/i },
    ],
  },
  {
    name: 'terraform',
    variant: 'taken from a registry',
    install: `cd registry; ${TOFU}; $tofu init -no-color && $tofu apply -auto-approve -no-color >&2 && cat greeting`,
    says: /hello from a provider/,
    lies: [{ what: 'a file', change: 'zip terraform/localhost/team/local/*.zip', refused: /checksum|does not match/i }],
  },
  {
    name: 'oci',
    install: 'podman rmi --all --force >/dev/null 2>&1; podman pull -q $DEPOT/hello:1.0.0 && podman run --rm --network=none $DEPOT/hello:1.0.0',
    says: /Hello/,
    lies: [
      { what: 'a file', change: 'flip $(ls -S oci/v2/hello/blobs/sha256:* | head -n 1)', refused: /digest|did not match|corrupt/i },
      { what: 'index and file', change: 'grow oci/v2/hello/manifests/sha256:*', attempt: 'podman rmi --all --force >/dev/null 2>&1; podman pull -q $DEPOT/hello@$(ls /var/lib/sallyport/current/oci/v2/hello/manifests | grep -m 1 "^sha256:[0-9a-f]*$")', refused: /digest/i },
    ],
  },
  {
    name: 'file',
    install: 'rm -f texts/*; mkdir -p texts; curl --fail --silent --show-error --output texts/greeting.txt https://$DEPOT/files/texts/greeting.txt && sha512sum --check --strict SHA512SUMS && cat texts/greeting.txt',
    says: /Hello/,
    lies: [{ what: 'a file', change: 'flip files/texts/greeting.txt', refused: /FAILED/ }],
  },
]
