//! Servers that break off, stall, stumble or die, and publishers at the same time: nothing half is left.

use super::Oci;
use super::access::{RIGHT, login};
use crate::server::{After, Gate, Way};
use crate::support::Ended;
use expect_test::expect;
use std::time::{Duration, Instant};

#[test]
fn a_connection_that_breaks_half_way_leaves_no_tag() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 300_000);
    let bank = bank.to_str().unwrap();
    for after_bytes in [0, 300, 2_000, 100_000, 300_000] {
        let way = Way::to(&oci.server, after_bytes, After::Break);
        oci.by(&way.address());
        let refused = oci.run(&["publish", bank]);
        assert_eq!(refused.code, 6, "after {after_bytes}: {}", refused.shown());
        let told = ["the connection broke", "the server cannot be reached"];
        assert!(
            told.iter().any(|told| refused.stderr.contains(told)),
            "after {after_bytes}: {}",
            refused.stderr
        );
        oci.directly();
        oci.has_no_bank();
    }
    oci.packages.succeed(&["publish", bank]);
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn whatever_is_told_of_a_push_that_broke_at_its_end_is_true() {
    let mut oci = Oci::new();
    let [mut refused, mut done] = [0, 0];
    for number in 0..14 {
        let version = format!("1.0.{number}");
        let release = format!("acme:bank@{version}");
        let bank = oci.packages.component(&release, &["balance"], &[]);
        // From the beginning of the push to behind its end.
        let way = Way::to(&oci.server, 1_000 + 500 * number, After::Break);
        oci.by(&way.address());
        let ended = oci.run(&["publish", bank.to_str().unwrap()]);
        oci.directly();
        let is_there = oci.run(&["info", &release]).code == 0;
        match ended.code {
            0 => {
                done += 1;
                assert!(is_there, "{version} was told as published");
            }
            code => {
                refused += 1;
                assert_eq!(code, 6, "{}", ended.shown());
                let is_unknown = ended.stderr.contains("only the server knows: publish again, which is safe");
                assert!(!is_there || is_unknown, "{version}: {}", ended.stderr);
            }
        }
        oci.packages.succeed(&["publish", bank.to_str().unwrap()]);
    }
    assert!(refused > 0 && done > 0, "{refused} broke, {done} came through");
}

#[test]
fn a_server_that_dies_half_way_leaves_no_tag() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 2_000_000);
    let bank = bank.to_str().unwrap();
    // The connection stalls, so that the server is killed while the component is on its way.
    let way = Way::to(&oci.server, 1_000_000, After::Stall);
    oci.by(&way.address());
    let mut publisher = oci.packages.command(&["publish", bank]);
    let child = publisher.spawn().unwrap();
    let began = Instant::now();
    while way.left() > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "the push does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    oci.server.kill();
    let output = child.wait_with_output().unwrap();
    let ended = oci.shown(Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    });
    assert_eq!(ended.code, 6, "{}", ended.shown());
    assert!(ended.stderr.contains("Nothing was published; publish again"), "{}", ended.stderr);
    oci.server.restart(&oci.packages.case);
    oci.directly();
    oci.has_no_bank();
    oci.packages.succeed(&["publish", bank]);
    oci.packages.succeed(&["info", "acme:bank"]);
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let mut oci = Oci::new();
    let bank = oci.packages.large_component("acme:bank@1.0.0", &["balance"], &[], 2_000_000);
    let bank = bank.to_str().unwrap();
    for after_bytes in [0, 1_000_000] {
        let way = Way::to(&oci.server, after_bytes, After::Stall);
        oci.by(&way.address());
        let began = Instant::now();
        let ended = oci.run(&["publish", bank, "--registry-timeout", "2"]);
        assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
        assert_eq!(ended.code, 6, "{}", ended.shown());
        assert!(ended.stderr.contains("the server does not answer; try again later"), "{}", ended.stderr);
        oci.directly();
        oci.has_no_bank();
    }
}

/// One of two publishers of the same bytes was told that the server lacks what it had just been sent.
#[test]
fn a_manifest_over_which_a_server_stumbles_is_sent_again() {
    let mut oci = Oci::new();
    let gate = Gate::before(&oci.server);
    oci.by(&gate.address());
    oci.packages.case.write("home/.docker/config.json", login(&gate.address(), RIGHT));
    let bank = oci.packages.component("acme:bank@1.0.0", &["balance"], &[]);
    let bank = bank.to_str().unwrap();
    // A server that goes on saying so is believed.
    gate.stumble(usize::MAX);
    oci.check(&["publish", bank], expect![[r#"
        exit 6
        --- stderr
        error: cannot push HOST/team/acme/bank:1.0.0: the server says: provided digest did not match uploaded content; blob unknown to registry. Nothing was published; publish again
    "#]]);
    gate.stumble(2);
    oci.packages.succeed(&["publish", bank]);
    assert_eq!(gate.stumbles(), 0);
    oci.packages.succeed(&["info", "acme:bank@1.0.0"]);
}

#[test]
fn publishers_of_several_processes_do_not_disturb_each_other() {
    let oci = Oci::new();
    let names = ["aa", "bb", "cc", "dd"];
    let components: Vec<_> =
        names.iter().map(|name| oci.packages.component(&format!("acme:{name}@1.0.0"), &["f"], &[])).collect();
    let children: Vec<_> = components
        .iter()
        // Each is published twice at once.
        .flat_map(|component| [component, component])
        .map(|component| oci.packages.command(&["publish", component.to_str().unwrap()]).spawn().unwrap())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for name in names {
        oci.packages.succeed(&["info", &format!("acme:{name}@1.0.0")]);
    }
}
