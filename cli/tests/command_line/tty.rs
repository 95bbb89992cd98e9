//! A terminal of some width, for commands to print on and to ask on.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command on a terminal of that many columns, and gives what it shows in the end, escape sequences too, with the
/// exit code. What is typed is there before the command asks for it.
pub(crate) fn on_terminal(mut command: Command, columns: u16, typed: &str) -> (String, Option<i32>) {
    let (terminal, program_side) = open(columns);
    let mut terminal = File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let side = || program_side.try_clone().unwrap();
    let mut process = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
    drop((command, program_side));
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    // When the last program has let go of a terminal, reading from it fails.
    while let Ok(count @ 1..) = terminal.read(&mut piece) {
        shown.extend_from_slice(&piece[..count]);
    }
    let code = process.wait().unwrap().code();
    (String::from_utf8(shown).unwrap().replace("\r\n", "\n"), code)
}

/// Both sides of a new terminal.
fn open(columns: u16) -> (OwnedFd, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let program_side = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    tcsetwinsize(&program_side, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (terminal, program_side)
}
