"""Which id belongs to which label, in a table whose two id columns do not follow the order of its two label columns.

Each label has one id in all its rows, so the ids that all rows of a label share are few, and an id given to one label of a row leaves
the other one to the other label. In NDF-RT's 5,265 pairs this settles 901 of 907 labels; the six others occur with each other only.
"""

from collections import Counter, defaultdict

from core.knowledge.loaders.mapping import ConceptColumns

Row = tuple[str, dict[str, str]]


def order_ids(file: str, rows: list[Row], first: ConceptColumns, second: ConceptColumns, notes: list[str]) -> list[Row]:
    """The rows with each id beside its label. A label whose id stays open gets none; one id under two labels is noted and takes the commoner."""
    ends = [((row[first.label], row[second.label]), {row[first.id], row[second.id]}) for _, row in rows]
    found = _settled(ends)
    count = Counter(label for labels, _ in ends for label in labels)
    labels_of: dict[str, list[str]] = defaultdict(list)
    for label, identifier in sorted(found.items(), key=lambda pair: (-count[pair[0]], pair[0])):
        labels_of[identifier].append(label)
    for identifier, (name, *others) in sorted(labels_of.items()):
        notes.extend(f"{file}: {identifier} is {name!r} and also {other!r} in {count[other]} rows; the first label is kept" for other in others)
    if open_labels := sorted(set(count) - set(found)):
        notes.append(f"{file}: the id of {', '.join(open_labels)} cannot be told; they are known by name only")

    def settled(row: dict[str, str]) -> dict[str, str]:
        ids = [found.get(row[columns.label], "") for columns in (first, second)]
        names = [labels_of[i][0] if i else row[columns.label] for i, columns in zip(ids, (first, second), strict=True)]
        return row | {first.id: ids[0], second.id: ids[1], first.label: names[0], second.label: names[1]}

    return [(where, settled(row)) for where, row in rows]


def _settled(ends: list[tuple[tuple[str, str], set[str]]]) -> dict[str, str]:
    possible: dict[str, set[str]] = {}
    for labels, ids in ends:
        for label in labels:
            possible[label] = possible.get(label, ids) & ids
    changed = True
    while changed:
        changed = False
        for (a, b), ids in ends:
            for known, other in ((a, b), (b, a)):
                if len(possible[known]) == 1 and not possible[other].isdisjoint(possible[known]) and len(ids) > 1:
                    possible[other] = possible[other] - possible[known]
                    changed = True
    return {label: next(iter(ids)) for label, ids in possible.items() if len(ids) == 1}
