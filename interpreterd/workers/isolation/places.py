"""What every isolated context may read: the system's own files, without what is secret there."""

from typing import Final

LIBRARIES: Final = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/lib",
    "/lib",
    "/lib32",
    "/lib64",
)
PROGRAMS: Final = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin")
PREFIXES: Final = ("/", "/usr", "/usr/local")  # of a system's own Python
STORES: Final = ("/nix/store", "/gnu/store")  # systems that keep libraries and programs there
SHARED: Final = (
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/usr/share/fonts",
    "/usr/share/fontconfig",
    "/usr/share/mime",
    "/usr/share/terminfo",
    "/usr/local/share/fonts",
)
KERNEL: Final = ("/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm")
SINGLE_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
TERMINALS: Final = ("/dev/ptmx", "/dev/pts")
SHARED_MEMORY: Final = "/dev/shm"
_CONFIGURATION: Final = (
    "ImageMagick-6 ImageMagick-7 OpenCL adjtime alternatives bash.bashrc bash_completion bash_completion.d "
    "bindresvport.blacklist ca-certificates ca-certificates.conf chromium chromium.d crypto-policies "
    "debian_version environment.d ethertypes fonts gai.conf gitconfig group host.conf hostname hosts inputrc "
    "issue java ld.so.cache ld.so.conf ld.so.conf.d locale.alias locale.conf locale.gen localtime login.defs "
    "lsb-release magic magic.mime mailcap mime.types networks nsswitch.conf odbc.ini odbcinst.ini openal "
    "opt/chrome os-release passwd pip.conf pki/ca-trust pki/tls/certs pki/tls/cert.pem pki/tls/openssl.cnf "
    "profile profile.d protocols pulse python3 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 "
    "resolv.conf rpc selinux/config services shells skel ssl/cert.pem ssl/certs ssl/openssl.cnf terminfo timezone "
    "vulkan wgetrc xattr.conf xdg"
)
CONFIGURATION: Final = tuple(f"/etc/{name}" for name in _CONFIGURATION.split())
"""What is in /etc and no secret: a list of what may be read, as programs put keys and passwords there."""
_LEAST: Final = (  # the last line because modules of Python read them where they exist: mimetypes, pip's distro
    "fonts group hosts ld.so.cache locale.alias localtime nsswitch.conf passwd timezone "
    "debian_version lsb-release mime.types os-release"
)
LEAST_CONFIGURATION: Final = tuple(f"/etc/{name}" for name in _LEAST.split())
OF_STANDARD: Final = (
    *LIBRARIES,
    *PROGRAMS,
    *STORES,
    "/usr/share",
    "/usr/local",
    "/usr/include",
    "/opt",
    "/var/cache/fontconfig",
    "/var/lib/ca-certificates",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/run/NetworkManager/resolv.conf",
    *KERNEL,
    *CONFIGURATION,
)
OF_STRICT: Final = (*LIBRARIES, *PROGRAMS, *STORES, *SHARED, *KERNEL, *LEAST_CONFIGURATION)
OF_VIEW: Final = (
    "/bin",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/run/current-system",  # a link into one of the stores
    "/sbin",
    "/sys",
    "/usr",
    "/var/cache/fontconfig",
    "/var/lib/ca-certificates",
    *STORES,
)
"""What exists in a view of the file system: few mounts, in which Landlock says which files may be opened."""
