"""What to write instead of Ansible's words and modules that are not supported."""

from __future__ import annotations

from collections.abc import Mapping

INSTEAD: Mapping[str, str] = {
    "always": "write it on a block",
    "any_errors_fatal": "write it on the play",
    "async": "deployer waits for every command; run long work in a systemd unit",
    "become_flags": "only become: true and become_user: NAME are supported",
    "become_method": "only sudo is supported",
    "connection": "write it on the play or the task, or set ansible_connection in the inventory",
    "debugger": "deployer render --host HOST prints the exact programs",
    "delegate_facts": "facts always belong to the task's own host; write a play for the other host",
    "delegate_to": "write it on a task, block, role or import",
    "diff": "use --diff; secrets are masked by their type",
    "force_handlers": "not needed: the host remembers a handler that could not run, and the next run runs it",
    "hooks": "write them on the play",
    "ignore_unreachable": "remove it: the other hosts always go on",
    "include": "write import_tasks among tasks and handlers, import_playbook in a playbook",
    "listen": "only handlers listen",
    "max_fail_percentage": "write it on the play",
    "module_defaults": "write the arguments on each task, or use a loop",
    "notify": "a hook cannot notify; let the hook itself restart what has to be restarted",
    "order": "write it on the play",
    "poll": "deployer waits for every command; run long work in a systemd unit",
    "port": "set ansible_port in the inventory",
    "remote_user": "write it on the play; to run a task as another user, use become_user",
    "rescue": "write it on a block",
    "serial": "write it on the play",
    "strategy": "remove it: all hosts run in parallel, each at its own pace",
    "sudo": "write become: true",
    "sudo_user": "write become: true, and become_user: NAME at commands",
    "su": "write become: true; only sudo is supported",
}
"""What to write instead of a word of a play or a task."""

_PACKAGE = "write package: {name: [NAME, …], state: present}; it refreshes the lists of packages when it has to"
_WHOLE = (
    "write the whole file with template or copy; if there is a drop-in directory (NAME.d/), add your own file to it"
)
_FETCH = (
    "put the file below files/ and copy it; or shell: {cmd: \"curl -fsS -o FILE URL && echo 'SHA256  FILE' | "
    'sha256sum -c", creates: FILE}'
)
_FACTS = "remove it: facts are gathered when a play uses one, or with gather_facts: true"
_FIREWALL = "declare firewall: {admin: […], public: […]} in the inventory and use the role host; or engine: ansible"
_GUARDED = "command with creates, removes, onlyif or unless"
_ASKS_DATABASE = "command: {cmd: createdb shop, unless: psql -d shop -c 'select 1'}, become_user: postgres"
_DATABASE = f"{_GUARDED}: {_ASKS_DATABASE}; or engine: ansible"
_ENGINE = "or engine: ansible at the role or the play"
_RABBIT = f"uri: {{method: PUT, …}} asks RabbitMQ's management; {_ENGINE}"
_CONTAINERS = "deployer runs releases as systemd units; a container: systemd_unit with ExecStart=podman run …"

INSTEAD_OF_MODULES: Mapping[str, str] = {
    **dict.fromkeys(("yum", "dnf", "apk", "pacman", "zypper", "aptitude"), _PACKAGE),
    **dict.fromkeys(("zypper_repository", "pkgng", "openbsd_pkg", "portage", "homebrew"), _PACKAGE),
    **dict.fromkeys(("seboolean", "seport", "sefcontext", "selinux"), "write a command with a guard"),
    "xml": _WHOLE,
    "maven_artifact": _FETCH,
    "gather_facts": _FACTS,
    **dict.fromkeys(("ufw", "firewalld", "iptables"), _FIREWALL),
    **dict.fromkeys(("postgresql_db", "postgresql_user", "postgresql_ext", "mysql_db", "mysql_user"), _DATABASE),
    **dict.fromkeys(("docker_container", "docker_image", "docker_compose", "podman_container"), _CONTAINERS),
    **dict.fromkeys(
        ("yum_repository", "rpm_key"),
        "deployer knows apt_repository, apt_key and deb822_repository; another system's: copy the file and the key",
    ),
    "add_host": "write the host into the inventory",
    "archive": f"{_GUARDED}: command: {{cmd: tar -czf …, creates: …}}",
    "assemble": "write one template that includes all parts",
    "fetch": "use scp; deployer copies nothing from hosts except its report",
    "gem": f"{_GUARDED}: command: {{cmd: gem install …, unless: gem list -i …}}",
    "group_by": "write the groups into the inventory, or when: at the tasks",
    "known_hosts": "copy: {dest: /etc/ssh/ssh_known_hosts, src: …}",
    "modprobe": "copy: {dest: /etc/modules-load.d/NAME.conf, content: NAME}, with a handler: command: modprobe NAME",
    **dict.fromkeys(("rabbitmq_queue", "rabbitmq_exchange", "rabbitmq_binding"), _RABBIT),
    **dict.fromkeys(
        ("rabbitmq_parameter", "rabbitmq_global_parameter", "rabbitmq_vhost_limits", "rabbitmq_feature_flag"),
        f"{_GUARDED}: command: {{cmd: rabbitmqctl set_parameter …, unless: …}}; {_ENGINE}",
    ),
    "htpasswd": f"lineinfile or copy, with the hash as a secret; {_ENGINE}",
    "make": f"{_GUARDED}: command: {{cmd: make install, chdir: …, creates: …}}; {_ENGINE}",
    "npm": f"build on the machine that makes the release, so that hosts need no npm; {_ENGINE}",
    "reboot": "reboot the host by hand, then deployer verify",
    "snap": f"{_GUARDED}: command: {{cmd: snap install …, creates: …}}",
    "synchronize": f"use copy, or put the files into the release; {_ENGINE}",
    "tempfile": "not needed: deployer's modules write beside the file and rename it",
}
"""What to write instead of a module of Ansible's that is not here."""

OF_OTHER_SYSTEMS = (
    *("yum", "dnf", "yum_repository", "rpm_key", "pacman", "apk", "zypper", "zypper_repository", "pkgng"),
    *("openbsd_pkg", "portage", "homebrew", "firewalld", "seboolean", "seport", "sefcontext", "selinux"),
)
"""Modules of systems other than Debian's: their tasks are read, and refused only on a host that would run them."""
