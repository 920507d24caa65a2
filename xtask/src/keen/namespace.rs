//! A network of the test's own, in which port 443 is free and a name is the
//! server's, and an authority that nobody else trusts.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::text;
use crate::packages;
use crate::process::{self, Failure, Outcome};

/// How this machine lets the user make namespaces of network and mounts.
#[derive(Debug)]
pub(super) struct Namespace(&'static [&'static str]);

/// As root; and without it, where a user is root in a namespace of users.
const WAYS: [&[&str]; 2] = [
    &["--net", "--mount"],
    &["--map-root-user", "--net", "--mount"],
];

impl Namespace {
    /// The way that works here.
    ///
    /// # Errors
    /// When there is none, or the tools for it cannot be had.
    pub(super) fn find() -> Outcome<Self> {
        packages::need("this step needs the program ip", &["iproute2"], || {
            process::works(Command::new("ip").arg("-V"))
        })?;
        packages::need("this step needs openssl", &["openssl"], || {
            process::works(Command::new("openssl").arg("version"))
        })?;
        let works = |way: &&[&str]| process::works(Command::new("unshare").args(*way).arg("true"));
        WAYS.into_iter().find(works).map(Self).ok_or_else(|| {
            Failure::new(
                "keen-analysis speaks with port 443 alone, so this step needs a network \
                 namespace, and this machine gives none: run it as root with the capability \
                 CAP_SYS_ADMIN, or allow users their own namespaces",
            )
        })
    }

    /// `inner` inside it, where `host` is this machine. `folder` holds the file
    /// that says so.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub(super) fn enter(
        &self,
        scripts: &Path,
        folder: &Path,
        host: &str,
        inner: &Command,
    ) -> Outcome<Command> {
        let hosts = folder.join("hosts");
        write(&hosts, &format!("127.0.0.1 localhost {host}\n"))?;
        let mut command = Command::new("unshare");
        command
            .args(self.0)
            .arg("sh")
            .arg(scripts.join("inside.sh"))
            .arg(hosts)
            .arg(inner.get_program())
            .args(inner.get_args());
        for (name, value) in inner.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        Ok(command)
    }
}

/// Makes an authority in `folder`, and there the certificate `server.pem` for
/// `host` with its key `server.key`; answers the authority's own certificate.
///
/// # Errors
/// When openssl fails.
pub(super) fn authority(folder: &Path, host: &str) -> Outcome<PathBuf> {
    let file = |name: &str| text(&folder.join(name));
    let authority = file("authority.pem");
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let openssl = |arguments: &[&str]| process::capture(Command::new("openssl").args(arguments));
    let mut own = vec![
        "req",
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=An authority of one test",
    ];
    own.extend(new_key);
    let own_key = file("authority.key");
    own.extend(["-keyout", &own_key, "-out", &authority]);
    openssl(&own)?;

    let subject = format!("/CN={host}");
    let (key, request) = (file("server.key"), file("server.csr"));
    let mut asked = vec!["req", "-subj", &subject];
    asked.extend(new_key);
    asked.extend(["-keyout", &key, "-out", &request]);
    openssl(&asked)?;
    let extensions = folder.join("server.ext");
    write(&extensions, &format!("subjectAltName=DNS:{host}\n"))?;
    let (extensions, certificate) = (text(&extensions), file("server.pem"));
    openssl(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-CAcreateserial",
        "-in",
        &request,
        "-CA",
        &authority,
        "-CAkey",
        &own_key,
        "-extfile",
        &extensions,
        "-out",
        &certificate,
    ])?;
    Ok(folder.join("authority.pem"))
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_its_arguments_and_variables_inside() {
        let place = crate::workplace::Workplace::create("entered").expect("a folder");
        let mut inner = Command::new("node");
        inner.args(["a.cjs", "b"]).env("NODE_PATH", "modules");
        let way = Namespace(WAYS[0]);
        let entered = way.enter(Path::new("scripts"), place.path(), "keen.test", &inner);
        let entered = entered.expect("the folder can be written to");
        let arguments: Vec<_> = entered
            .get_args()
            .map(|one| one.to_string_lossy())
            .collect();
        assert_eq!(
            arguments[..4],
            ["--net", "--mount", "sh", "scripts/inside.sh"]
        );
        assert_eq!(arguments[5..], ["node", "a.cjs", "b"]);
        let hosts = std::fs::read_to_string(&*arguments[4]).expect("the file of names");
        assert_eq!(hosts, "127.0.0.1 localhost keen.test\n");
        let variables: Vec<_> = entered.get_envs().collect();
        assert_eq!(
            variables,
            [("NODE_PATH".as_ref(), Some("modules".as_ref()))]
        );
    }
}
