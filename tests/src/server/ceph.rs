//! Ceph RGW from Debian's packages: starts a monitor, a manager, an OSD in memory and the gateway, each
//! after those that it needs.
//!
//! cephx stays on: without it the gateway of 16.2 loops. Pools have one replica and few placement
//! groups, since one OSD carries them all.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Server, directory, free_port, said};
use crate::process::Process;

const ACCESS_KEY: &str = "cephaccesskey";
const SECRET_KEY: &str = "cephsecretkey";

/// A folder with all that belongs to one Ceph.
struct Site<'a> {
    folder: &'a Path,
}

pub(super) fn start() -> Server {
    let directory = directory();
    let site = Site { folder: directory.path() };
    let port = free_port();
    let (fsid, monitor) = (uuid(), format!("[v2:127.0.0.1:{}]", free_port()));
    site.write_configuration(&fsid, &monitor, port);
    site.write_keyring();
    said(site.command("monmaptool").args(["--create", "--fsid", &fsid, "--addv", "a", &monitor, "monmap"]));
    said(site.command("ceph-mon").args(["--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring"]));
    let mon = Process::start(site.command("ceph-mon").args(["-f", "-i", "a"]));
    let mgr = Process::start(site.command("ceph-mgr").args(["-f", "-i", "x"]));
    let osd = site.start_osd();
    site.prepare_gateway();
    let mut rgw = Process::start(site.command("radosgw").args(["-f", "-n", "client.rgw"]));
    rgw.wait_for(|line| line.contains("starting handler: beast").then_some(()));
    Server {
        name: "ceph",
        title: "Ceph RGW",
        version: said(site.command("radosgw").arg("--version")).split(' ').nth(2).unwrap_or_default().to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        // The gateway first: it would wait for an OSD that has ended.
        _processes: vec![rgw, osd, mgr, mon],
        _directory: directory,
    }
}

impl Site<'_> {
    /// A program of Ceph's, in the folder and with its configuration.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder).env("CEPH_CONF", self.folder.join("ceph.conf"));
        command
    }

    fn write_configuration(&self, fsid: &str, monitor: &str, port: u16) {
        let folder = self.folder.display();
        for name in ["mon", "mgr", "osd"] {
            fs::create_dir(self.folder.join(name)).expect("a folder can be made");
        }
        let text = format!(
            "[global]
fsid = {fsid}
mon_host = {monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
keyring = {folder}/keyring
mon_data = {folder}/mon
mgr_data = {folder}/mgr
osd_data = {folder}/osd
run_dir = {folder}
admin_socket = {folder}/$name.asok
log_file =
log_to_stderr = true
err_to_stderr = true
auth_allow_insecure_global_id_reclaim = false
mon_allow_pool_size_one = true
mgr_initial_modules =
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_pool_default_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
rgw_frontends = beast endpoint=127.0.0.1:{port}
"
        );
        fs::write(self.folder.join("ceph.conf"), text).expect("the configuration can be written");
    }

    /// One file with the keys of all.
    fn write_keyring(&self) {
        let (mon, mgr, osd) = (["mon", "allow *"], ["mgr", "allow *"], ["osd", "allow *"]);
        let rights: [(&str, &[[&str; 2]]); 5] = [
            ("mon.", &[mon]),
            ("client.admin", &[mon, mgr, osd]),
            ("client.rgw", &[mon, mgr, osd]),
            ("mgr.x", &[mon, osd]),
            ("osd.0", &[mon, mgr, osd]),
        ];
        for (n, (name, rights)) in rights.iter().enumerate() {
            let mut command = self.command("ceph-authtool");
            command.args(["keyring", "--gen-key", "-n", name]);
            if n == 0 {
                command.arg("--create-keyring");
            }
            for right in *rights {
                command.arg("--cap").args(right);
            }
            said(&mut command);
        }
    }

    fn start_osd(&self) -> Process {
        let id = uuid();
        said(self.command("ceph").args(["osd", "new", &id]));
        said(self.command("ceph-osd").args(["-i", "0", "--mkfs", "--osd-uuid", &id]));
        let mut osd = Process::start(self.command("ceph-osd").args(["-f", "-i", "0"]));
        osd.wait_for(|line| line.contains("booting -> active").then_some(()));
        osd
    }

    /// A user, and a second storage class, which a zone does not have by itself.
    fn prepare_gateway(&self) {
        let admin = |arguments: &[&str]| said(self.command("radosgw-admin").args(arguments));
        admin(&[
            "user",
            "create",
            "--uid",
            "test",
            "--display-name",
            "test",
            "--access-key",
            ACCESS_KEY,
            "--secret",
            SECRET_KEY,
        ]);
        let class = ["--placement-id", "default-placement", "--storage-class", "STANDARD_IA"];
        admin(&[&["zonegroup", "placement", "add", "--rgw-zonegroup", "default"], &class[..]].concat());
        let pool = ["--data-pool", "default.rgw.buckets.data"];
        admin(&[&["zone", "placement", "add", "--rgw-zone", "default"], &class[..], &pool[..]].concat());
    }
}

/// A random UUID of the kernel's.
fn uuid() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux makes UUIDs");
    text.trim().to_owned()
}
