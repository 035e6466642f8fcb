"""A disk that is full: what is to be kept is put, and whoever wanted it kept is told which half of that failed."""
import glob
import os
import subprocess

from test_dht import make, stats, text


def test_a_full_disk_is_named(make_cluster, build, short_dir):
    made = make(make_cluster, build, short_dir, 3, has_members=False)
    made.up()
    made.wait_each(list(made), lambda n: stats(n)[0], 2, 30, "each knows the others")
    one = made[0]
    one.cli("dht", "put", "old", "--name", "old", "--keep")
    one.cli("down")
    (peers,) = glob.glob(os.path.join(one.state, "**", "peers"), recursive=True)
    place = os.path.dirname(peers)
    was = os.stat(place)
    files = {}
    for name in os.listdir(place):
        with open(os.path.join(place, name), "rb") as f:
            files[name] = f.read()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=True)
    try:
        os.chown(place, was.st_uid, was.st_gid)
        os.chmod(place, was.st_mode & 0o7777)
        for name, data in files.items():
            with open(os.path.join(place, name), "wb") as f:
                f.write(data)
                os.fchmod(f.fileno(), 0o600)
                os.fchown(f.fileno(), was.st_uid, was.st_gid)
        with open(os.path.join(place, "fill"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        one.up()
        for what in (("put", "value", "--name", "new", "--keep"), ("rm", "old")):
            told = one.command("dht", *what)
            assert told.status == 1 and "state directory of this node cannot be written" in told.err and "no room for it" not in told.err, told
        assert one.wait_log("DHT-UNKEPT", 5)
        assert text(one, "new") == "value" and "no such value" in text(one, "old"), "in this life it is so all the same"
        os.unlink(os.path.join(place, "fill"))
        one.cli("dht", "put", "value", "--name", "new", "--keep")
        one.cli("down")
        one.up()
        one.wait_until(lambda: text(one, "new") == "value", 20, "with room it is kept")
        one.cli("down")
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_directory_that_cannot_be_written_is_no_matter_of_the_manifest(make_cluster, build, short_dir):
    (one,) = made = make(make_cluster, build, short_dir, 1, has_members=False)
    made.up()
    one.cli("down")
    place = os.path.dirname(glob.glob(os.path.join(one.state, "**", "records"), recursive=True)[0])
    subprocess.run(["mount", "--bind", place, place], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        refused = one.command("up", one.manifest_path, "--detach", timeout=60)
        assert refused.status == 1 and "its state directory: read-only" in refused.err and "manifest" not in refused.err, refused
        one.cli("down")
    finally:
        subprocess.run(["umount", place], check=True)
