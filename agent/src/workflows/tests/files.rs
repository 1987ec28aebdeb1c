//! Workflow files: what is read, what is wrong, what is made through the API.

use super::*;
use crate::tool::CallStatus;

async fn call(life: &Life, caller: Caller, tool: &str, args: Value) -> CallStatus {
    let context = CallContext::new(caller, TraceId::from_random(1));
    life.tools.call(tool, args, &context).await.status
}

#[tokio::test]
async fn a_fault_costs_its_own_workflow_and_is_named_with_file_and_line() {
    let bench = Bench::new();
    bench.write("good", "[[step]]\nwait='1s'\n");
    bench.write("torn", "[[step]]\nwait='1s'\ncolour='red'\n");
    bench.write("ghost", "[[step]]\nwait='1s'\n[[step]]\ntool='test.nobody'\n");
    bench.write("king", "[[step]]\ntool='workflow.put'\nargs={name='a',definition='b'}\n");
    bench.write("shape", "[[step]]\ntool='test.once'\nargs={colour='red'}\n");
    bench.write("loop", "[[step]]\ntool='workflow.run'\nargs={workflow='good'}\n");
    bench.write("own", "[[trigger]]\nintent='HassTurnOn'\n[[step]]\nwait='1s'\n");
    bench.write("first", "[[trigger]]\nintent='Mine'\n[[step]]\nwait='1s'\n");
    bench.write("second", "[[trigger]]\nintent='Mine'\n[[step]]\nwait='1s'\n");
    bench.write("later", "[[step]]\nwhen='entity[\"fan.new\"] == true'\nwait='1s'\n");
    let life = bench.life();
    let (usable, faults) = Arc::clone(&life.all).reload().await;
    let catalogue = life.all.catalogue();
    assert_eq!(catalogue.workflows.keys().collect::<Vec<_>>(), ["first", "good", "later"]);
    assert_eq!((usable, faults), (3, catalogue.faults.len()));
    let told: Vec<String> = catalogue.faults.iter().map(ToString::to_string).collect();
    for (place, why) in [
        ("torn.toml:3: ", "unknown field `colour`"),
        ("ghost.toml:3: ", "there is no tool `test.nobody`"),
        ("king.toml:1: ", "needs the role admin"),
        ("shape.toml:1: ", "colour"),
        ("loop.toml:1: ", "begins no other"),
        ("own.toml:1: ", "dealt with by the appliance itself"),
        ("second.toml: ", "begins the workflow `first` already"),
        ("later.toml:1: ", "there is no entity fan.new"),
    ] {
        assert!(told.iter().any(|it| it.contains(place) && it.contains(why)), "{place} {why}: {told:#?}");
    }
    let reported = |event: &Event| matches!(&event.kind, EventKind::WorkflowFaulty { .. });
    assert_eq!(life.events().iter().filter(|event| reported(event)).count(), faults);
}

#[tokio::test]
async fn what_is_no_file_or_too_much_costs_nothing_else() {
    let bench = Bench::new();
    bench.write("good", "[[step]]\nwait='1s'\n");
    bench.write("large", &format!("{}[[step]]\nwait='1s'\n", "# x\n".repeat(5000)));
    bench.write(".hidden", "[[step]]\n");
    let files = bench.folder.path().join("files");
    std::fs::create_dir(files.join("folder.toml")).unwrap();
    std::fs::write(files.join("bytes.toml"), [0xff, 0xfe]).unwrap();
    std::fs::write(files.join("Bad Name.toml"), "[[step]]\nwait='1s'\n").unwrap();
    let life = bench.life();
    let catalogue = life.all.catalogue();
    assert_eq!(catalogue.workflows.keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(catalogue.faults.len(), 4, "{:?}", catalogue.faults);
    for number in 0..catalogue::MAX_WORKFLOWS + 5 {
        bench.write(&format!("w{number}"), "[[step]]\nwait='1s'\n");
    }
    assert!(life.all.read().workflows.len() <= catalogue::MAX_WORKFLOWS);
}

#[tokio::test]
async fn workflows_are_made_changed_and_removed_by_an_admin_and_are_there_after_a_restart() {
    let bench = Bench::new();
    bench.write("shift", "[[step]]\ntool='test.once'\nargs={key='file'}\n");
    let life = bench.life();
    let made = json!({"name": "shift", "definition": "[[step]]\ntool='test.once'\nargs={key='made'}\n"});
    let refused = call(&life, Caller::panel(), "workflow.put", made.clone()).await;
    assert!(matches!(refused, CallStatus::Refused { code, .. } if code == "role"));
    let wrong = json!({"name": "shift", "definition": "[[step]]\ntool='test.nobody'\n"});
    let wrong = call(&life, Caller::cli(), "workflow.put", wrong).await;
    assert!(matches!(wrong, CallStatus::Refused { reason, .. } if reason.contains("line 1: there is no tool")));
    let path = json!({"name": "../shift", "definition": "[[step]]\nwait='1s'\n"});
    assert!(matches!(call(&life, Caller::cli(), "workflow.put", path).await, CallStatus::Refused { .. }));

    assert_eq!(call(&life, Caller::cli(), "workflow.put", made).await, CallStatus::Done);
    life.begin("shift", json!({})).await.unwrap();
    life.live().await;
    assert_eq!((bench.count("file"), bench.count("made")), (0, 1), "what was made stands for the file of its name");
    drop(life);
    let life = bench.life();
    assert_eq!(life.all.catalogue().workflows["shift"].origin, catalogue::Origin::Made);
    let name = json!({"name": "shift"});
    assert_eq!(call(&life, Caller::cli(), "workflow.remove", name.clone()).await, CallStatus::Done);
    assert_eq!(life.all.catalogue().workflows["shift"].origin, catalogue::Origin::File);
    let gone = call(&life, Caller::cli(), "workflow.remove", name).await;
    assert!(matches!(gone, CallStatus::Refused { code, .. } if code == "no_workflow"));
}
