from pathlib import Path

import pytest

from parley_server.errors import InvalidSettings
from parley_server.stores import mounts
from parley_server.stores.mounts import file_system, refuse_network
from parley_server.stores.registry import open_store

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:40 / /mnt/shared rw,relatime shared:1 master:2 - nfs4 server:/export rw,vers=4.2
41 40 8:1 / /mnt/shared/local rw,relatime - xfs /dev/sda1 rw
42 27 0:42 /sub /mnt/with\040space\134 rw - cifs //server/share\040name rw
43 27 0:43 / /twice rw - nfs server:/twice rw
44 43 0:44 / /twice rw - tmpfs tmpfs rw
45 27 0:45 / /home/me/remote rw - fuse.sshfs me@host: rw
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib/parley", "ext4"),
        ("/proc/self", "proc"),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/a/b", "nfs4"),
        ("/mnt/shared-not", "ext4"),
        ("/mnt/shared/local/a", "xfs"),
        ("/mnt/with space\\/a", "cifs"),
        ("/twice/a", "tmpfs"),
        ("/home/me/remote/a", "fuse.sshfs"),
    ],
)
def test_a_path_is_on_what_is_mounted_nearest_to_it(path: str, kind: str) -> None:
    assert file_system(TABLE, Path(path)) == kind


def test_where_nothing_is_mounted_there_is_no_type() -> None:
    assert file_system("", Path("/a")) == ""


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that the system says is another host's."""
    table = tmp_path / "mountinfo"
    network = tmp_path / "network"
    network.mkdir()
    table.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:28 / {network} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(mounts, "_TABLE", table)
    return network


@pytest.mark.parametrize("url", ["file://{place}/sessions", "sqlite:///{place}/sessions.db"])
async def test_the_stores_on_a_disk_refuse_another_hosts(url: str, network: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"network file system \(nfs4\)"):
        await open_store(url.format(place=network))

    assert list((tmp_path / "network").iterdir()) == []
    await (await open_store(url.format(place=tmp_path))).close()


def test_a_link_to_another_hosts_is_refused(network: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(network)

    with pytest.raises(InvalidSettings, match="network file system"):
        refuse_network(link / "sessions")


def test_a_system_that_does_not_tell_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_TABLE", tmp_path / "nothing")

    refuse_network(tmp_path)
