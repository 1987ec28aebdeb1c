#!/usr/bin/env python3
"""The reference matcher on a pack, for the benchmark beside it.

    hassil_peer.py SENTENCES FIXTURES < cases.jsonl

Loads the pack, then answers each line {"text", "context"} with {"intent", "slots", "microseconds"}. The time is that of
the match alone: loading and a first pass over all sentences, in which the reference fills its caches, are not counted.
"""
import json
import sys
import time
from pathlib import Path

import yaml
from hassil.intents import Intents, TextSlotList
from hassil.parse_expression import parse_sentence
from hassil.recognize import recognize_best
from hassil.sample import sample_expression


def names(fixtures):
    """The slot lists of entities, areas and floors."""
    values = []
    for entity in fixtures.get("entities", []):
        context = {"domain": entity["id"].split(".", 1)[0], **entity.get("attributes", {})}
        for text in sample_expression(parse_sentence(entity["name"]).expression):
            values.append((text.strip(), text.strip(), context))
    places = {
        kind: TextSlotList.from_tuples(
            ((place["name"], place["name"]) for place in fixtures.get(f"{kind}s", [])), name=kind
        )
        for kind in ("area", "floor")
    }
    return {"name": TextSlotList.from_tuples(values, allow_template=False, name="name"), **places}


def main():
    sentences, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    intents = Intents.from_files(sorted(sentences.glob("*.yaml")))
    slot_lists = names(yaml.safe_load(fixtures.read_text(encoding="utf-8")))
    cases = [json.loads(line) for line in sys.stdin if line.strip()]

    def match(case):
        return recognize_best(
            case["text"], intents, slot_lists=slot_lists, intent_context=case.get("context") or {}, best_slot_name="name"
        )

    for case in cases:
        match(case)
    for case in cases:
        began = time.perf_counter()
        result = match(case)
        took = time.perf_counter() - began
        slots = {name: entity.value for name, entity in result.entities.items()} if result else {}
        print(
            json.dumps(
                {
                    "intent": result.intent.name if result else None,
                    "slots": slots,
                    "microseconds": round(took * 1e6, 1),
                },
                ensure_ascii=False,
                default=str,
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
