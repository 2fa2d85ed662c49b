"""Building up the bank's applications on a chip: install, secure channel, data groups, the end.

Source: ref 04 §7.1, §7.4, §7.6, §7.9, 15 §6. The card is asked what it holds before anything is
changed: what is finished stays, what is not finished is deleted and made again. So a card that
lost its power in the middle is taken up again by the same call.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sscard_ic.apdu import globalplatform, iso
from sscard_ic.apdu.globalplatform import Installation
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.bank_commands import BankCommands, Random
from sscard_ic.card.bank_plan import BankPlan, InstancePlan, PlannedGroup, Transported
from sscard_ic.card.channel import Refused
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber
from sscard_ic.keys.bank_capabilities import SecureChannel
from sscard_ic.profile.financial import FinancialApplication, Instance, Padding
from sscard_ic.reader.connection import Connection

_PROPRIETARY, _FCI = 0xA5, 0x6F
_LAST_TEMPLATE_FILE = 0x0A
"""Records of these files begin with their template, and are read as they were stored."""
_BLOCKED = StatusWord(0x6283)
_UNFINISHED = (StatusWord(0x6A82), StatusWord(0x6985), StatusWord(0x6999))
"""How cards may answer SELECT of an application that is not personalized, besides its bare name."""


class OtherDataError(CardError):
    """A finished application of the card holds other data than the plan."""

    def __init__(self, aid: bytes, what: Text) -> None:
        super().__init__(
            Text(
                f"卡上的应用已个人化，但{what.zh}与计划不同",
                f"the application is personalized already, and its {what.en} is not the plan's",
            ),
            where=aid.hex().upper(),
            hint=Text(
                "此卡属于另一位持卡人或另一批次：取出，换一张白卡",
                "the card belongs to another holder or batch: take it out and use a blank",
            ),
        )


@dataclass(frozen=True, slots=True)
class _Portion:
    """What one STORE DATA carries."""

    data: bytes
    numbers: tuple[int, ...]
    enciphered: bool


class BankPersonalizer:
    """Gives a chip the applications of a plan; ``service`` holds the keys and never shows them.

    ``random`` makes the host's challenges. Raises :class:`MissingCapabilityError` when the key
    service is no personalizer.
    """

    def __init__(
        self,
        connection: Connection,
        model: FinancialApplication,
        service: object,
        *,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._commands = BankCommands(connection, model, service, random)
        self._model = model

    def personalize(self, plan: BankPlan) -> tuple[Instance, ...]:
        """Carry out ``plan`` as far as the card does not hold it; which applications were built.

        Raises :class:`OtherDataError` before anything is changed when a finished application
        holds other data, :class:`ForeignBlankError`, :class:`WrongCardCryptogramError`,
        :class:`Refused`.
        """
        self._commands.open_manager()
        listed = {each.aid for each in self._commands.applications()}
        there = [each for each in plan.instances if each.aid in listed]
        finished = {each.aid for each in there if self._is_finished(each)}
        pending = [each for each in plan.instances if each.aid not in finished]
        if pending and there:
            self._commands.open_manager()
        for each in pending:
            if each.aid in listed:
                self._commands.delete(each.aid)
            self.install(each.instance, each.aid)
        for each in pending:
            self.store(each, plan)
        return tuple(each.instance for each in pending)

    def install(self, instance: Instance, aid: bytes) -> None:
        """INSTALL one application (one exchange); the channel to the card manager is open."""
        chip = self._model.chip
        if instance == "payment":
            own = chip.payment_module, chip.payment_privileges, chip.payment_parameters
        else:
            own = chip.directory_module, chip.directory_privileges, chip.directory_parameters
        module, privileges, parameters = own
        self._commands.install(Installation(chip.package, module, aid, privileges, parameters))

    def store(self, instance: InstancePlan, plan: BankPlan) -> None:
        """Select an application, open a channel and store its data groups; the last one ends it.

        Three exchanges and one for each portion of the groups. Raises :class:`GroupRefused`.
        """
        sw = self._commands.select(instance.aid).sw
        if not sw.ok:
            raise Refused(
                Text("选择待个人化的应用", "select the application to be personalized"),
                sw,
                where=instance.aid.hex().upper(),
            )
        channel = self._commands.open_channel()
        portions = list(self._portions(self._contents(instance.groups, plan, channel)))
        for block, portion in enumerate(portions):
            command = globalplatform.store_data(
                block,
                portion.data,
                last=block == len(portions) - 1,
                enciphered=portion.enciphered,
            )
            self._commands.store(command, portion.numbers, secret=portion.enciphered)

    # What the card holds

    def _is_finished(self, instance: InstancePlan) -> bool:
        """Whether the application is personalized, with the data of the plan.

        One exchange, and one for each record of a finished one. Raises :class:`OtherDataError`.
        """
        response = self._commands.select(instance.aid)
        if response.sw in _UNFINISHED:
            return False
        if not response.sw.ok and response.sw != _BLOCKED:
            what = Text("选择应用", "select the application")
            raise Refused(what, response.sw, where=instance.aid.hex().upper())
        held = _proprietary(response.data)
        if not held:
            return False
        numbers = self._model.numbers
        faces = (instance.group(number) for number in (numbers.fci, numbers.fci_contactless))
        planned = (face.value for face in faces if face is not None and face.value is not None)
        if held not in map(_proprietary, planned):
            raise OtherDataError(instance.aid, Text("FCI", "FCI"))
        self._compare_records(instance)
        return True

    def _compare_records(self, instance: InstancePlan) -> None:
        for group in instance.groups:
            record = None if group.value is None else DataGroup(group.number, group.value).record
            if record is None or record[0] > _LAST_TEMPLATE_FILE:
                continue
            sfi, number = record
            response = self._commands.ask(iso.read_record(number, sfi=sfi))
            if not response.sw.ok or response.data != group.value:
                name = f"{group.number:04X}"
                raise OtherDataError(instance.aid, Text(f"记录 {name}", f"record {name}"))

    # What it is given

    def _contents(
        self, groups: Sequence[PlannedGroup], plan: BankPlan, channel: SecureChannel
    ) -> Iterator[tuple[DataGroup, bool]]:
        """Data groups as they go into the channel, and whether they are enciphered."""
        for group in groups:
            padding = self._padding(group.number)
            if group.value is not None:
                value, enciphered = group.value, False
            elif group.secret is not None:
                value, enciphered = channel.encipher(group.secret, padding), True
            elif group.keys is not None:
                card = plan.bank_card(group.keys, self._model)
                value, enciphered = channel.card_keys(card, padding)[0], True
            elif group.transported is not None:
                value = self._translated(group.number, group.transported, channel)
                enciphered = True
            else:
                assert group.check is not None  # PlannedGroup sees to it
                card = plan.bank_card(group.check, self._model)
                value, enciphered = channel.card_keys(card, "none")[1], False
            yield DataGroup(group.number, value), enciphered

    def _translated(self, number: int, sent: Transported, channel: SecureChannel) -> bytes:
        """A group from under the bank's transport key; a PIN in the format of the chip."""
        keys, chip = self._model.keys, self._model.chip
        transport = keys.transport, keys.version, sent.algorithm, sent.data
        if number == self._model.numbers.pin:
            return channel.translate_pin(*transport, chip.pin_format)
        return channel.translate(*transport, self._padding(number), sent.filled)

    def _padding(self, number: int) -> Padding:
        return self._model.chip.padding.get(f"{number:04X}", "none")

    def _portions(self, groups: Iterable[tuple[DataGroup, bool]]) -> Iterator[_Portion]:
        """Groups cut, or joined where the profile says so, to what one command holds."""
        chip = self._model.chip
        room = min(chip.longest_group, globalplatform.room(int(chip.level, 16)))
        waiting: _Portion | None = None
        for group, enciphered in groups:
            raw, number = bytes(group), (group.number,)
            if waiting is not None:
                fits = chip.joined_groups and len(waiting.data) + len(raw) <= room
                if fits and waiting.enciphered == enciphered:
                    waiting = _Portion(waiting.data + raw, waiting.numbers + number, enciphered)
                    continue
                yield waiting
            *whole, rest = (raw[at : at + room] for at in range(0, len(raw), room))
            for part in whole:
                yield _Portion(part, number, enciphered)
            waiting = _Portion(rest, number, enciphered)
        if waiting is not None:
            yield waiting


def _proprietary(data: bytes) -> Mapping[int, BerTlv]:
    """Objects of A5 by tag, in whatever template and order; none where there is no A5."""
    try:
        objects = parse_ber(data)
    except TlvError:
        return {}
    found = next((hit for each in objects if (hit := each.find(_PROPRIETARY))), None)
    return {} if found is None else {child.tag: child for child in found.children}
