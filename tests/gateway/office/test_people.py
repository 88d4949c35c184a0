"""J-1, J-3: who gets into the office, and who does not."""

from __future__ import annotations

from tests.gateway.office.people import PASSWORD, Official
from tests.gateway.world import Person, World


def test_an_invitation_lives_until_the_first_sign_in(city: World) -> None:
    made, invitation = Official.invited(city, "viewer")
    weak = made.open_post("invitation", {"invitation": invitation, "password": "aaaaaaaaaaaaaa"})
    assert (weak.status_code, weak.json()["reason"]) == (422, "INVALID")
    made.take_up(invitation)
    lost = made.otpauth
    made.take_up(invitation)  # the answer was lost: again, with another key
    assert made.otpauth != lost
    assert made.sign_in(code=Official(city, "", "", "", lost).code()).status_code == 401
    assert made.sign_in().status_code == 201
    again = made.open_post("invitation", {"invitation": invitation, "password": PASSWORD})
    assert (again.status_code, again.json()["reason"]) == (401, "UNAUTHENTICATED")
    taken = city.operator.post("operator/office-people", {"login": made.login, "role": "treasurer"})
    assert taken.status_code == 409


def test_password_and_code_are_told_apart_by_nothing_and_a_code_works_once(city: World) -> None:
    made, invitation = Official.invited(city, "viewer")
    made.take_up(invitation)
    nobody = Official(city, "nobody.here", "viewer", "", made.otpauth)
    wrong = "000000" if made.code() != "000000" else "000001"
    said = {
        (answer.status_code, answer.json()["detail"])
        for answer in (made.sign_in("not this one at all"), made.sign_in(code=wrong), nobody.sign_in())
    }
    assert len(said) == 1 and next(iter(said))[0] == 401
    used = made.code()
    assert made.sign_in(code=used).status_code == 201
    assert made.sign_in(code=used).status_code == 401, "a code that somebody read over a shoulder"
    assert made.sign_in(code=made.code(1)).status_code == 201
    stored = city.sql("SELECT * FROM office_people WHERE login = $1", made.login)[0]
    assert PASSWORD not in str(stored) and stored["password_hash"].startswith("$argon2id$")


def test_guessing_locks_the_name_whether_or_not_somebody_has_it(city: World) -> None:
    made, invitation = Official.invited(city, "treasurer")
    made.take_up(invitation)
    for person in (made, Official(city, "ghost.of-nobody", "viewer", "", made.otpauth)):
        statuses = [person.sign_in("guess after guess").status_code for _ in range(6)]
        assert statuses == [401, 401, 401, 401, 429, 429], person.login
    right = made.sign_in()
    assert right.status_code == 429 and int(right.headers["Retry-After"]) > 800
    city.advance(1_000)
    assert made.sign_in().status_code == 201


def test_sessions_are_seen_and_revoked_by_their_owner_alone(city: World) -> None:
    made, stranger = (Official.signed_in(city, role) for role in ("officer", "treasurer"))
    answer = made.sign_in(code=made.code(1))
    other = Person(city, answer.json()["token"])
    sessions = made.get("sessions").json()["sessions"]
    assert sorted(one["this"] for one in sessions) == [False, True]
    others = next(one["session"] for one in sessions if not one["this"])
    assert stranger.delete(f"sessions/{others}").status_code == 404
    assert other.get("office/me").json() == {"login": made.login, "role": "officer"}
    assert made.delete(f"sessions/{others}").status_code == 204
    assert other.get("office/me").status_code == 401
    assert made.delete("session").status_code == 204
    assert made.get("me").status_code == 401


def test_who_leaves_is_out_at_once_and_an_idle_session_ends(city: World) -> None:
    gone, idle = Official.signed_in(city, "treasurer"), Official.signed_in(city, "viewer")
    assert city.operator.delete(f"operator/office-people/{gone.person}").status_code == 204
    assert gone.get("me").status_code == 401
    assert gone.sign_in(code=gone.code(1)).status_code == 401
    again = city.operator.post(f"operator/office-people/{idle.person}/invitation").json()["invitation"]
    assert idle.get("me").status_code == 401, "a person who is invited anew starts anew"
    idle.take_up(again)
    answer = idle.sign_in()
    idle.session = Person(city, answer.json()["token"])
    city.sql("UPDATE office_sessions SET seen_at = seen_at - 1900 WHERE person = $1::uuid", idle.person)
    assert idle.get("me").status_code == 401
    states = city.operator.get("operator/office-people").json()["people"]
    assert next(one["state"] for one in states if one["login"] == gone.login) == "disabled"
