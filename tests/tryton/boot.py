"""Turns an empty Tryton database into a small company that can sell and invoice.

Usage: boot.py CONFIG DATABASE. Prints one JSON object with the ids and the key that a connection needs.
"""

import datetime
import json
import sys
from decimal import Decimal

from proteus import Model, Wizard, config


def calendar_year(company, year):
    """A fiscal year that is the calendar year, with its own number ranges, open for posting."""
    strict = Model.get("ir.sequence.strict")
    kinds = Model.get("ir.sequence.type")
    ranges = {}
    for kind in ("Account Move", "Invoice"):
        (found,) = kinds.find([("name", "=", kind)], limit=1)
        ranges[kind] = strict(name=f"{kind} {year}", sequence_type=found, company=company)
        if kind == "Invoice":
            # Strict ranges number from 1 each; the year keeps the numbers of two years apart.
            ranges[kind].prefix = f"{year}-"
        ranges[kind].save()
    fiscal = Model.get("account.fiscalyear")(
        name=str(year),
        company=company,
        start_date=datetime.date(year, 1, 1),
        end_date=datetime.date(year, 12, 31),
        move_sequence=ranges["Account Move"],
    )
    (sequences,) = fiscal.invoice_sequences
    for purpose in ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note"):
        setattr(sequences, f"{purpose}_sequence", ranges["Invoice"])
    fiscal.click("create_period")


def chart_of_accounts(company):
    """The minimal chart that Tryton ships; the accounts that selling needs, by kind."""
    accounts = Model.get("account.account")
    (template,) = Model.get("account.account.template").find([("parent", "=", None)], limit=1)
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = template
    wizard.form.company = company
    wizard.execute("create_account")

    def one(*condition):
        (found,) = accounts.find([condition, ("company", "=", company.id), ("closed", "!=", True)], limit=1)
        return found

    found = {kind: one(f"type.{kind}", "=", True) for kind in ("receivable", "payable", "revenue", "expense")}
    found["tax"] = one("code", "=", "6.3.6")
    found["cash"] = one("code", "=", "1.1.1")
    for side in ("receivable", "payable"):
        if found[side].party_required:
            setattr(wizard.form, f"account_{side}", found[side])
    for side in ("revenue", "expense"):
        if hasattr(wizard.form, f"category_account_{side}"):
            setattr(wizard.form, f"category_account_{side}", found[side])
    wizard.execute("create_properties")
    return found


def company_in_dollars():
    """The first company, keeping its books in US dollars."""
    currency = Model.get("currency.currency")(name="US dollar", code="USD", symbol="$", rounding=Decimal("0.01"))
    currency.rates.new(date=datetime.date(2000, 1, 1), rate=Decimal(1))
    currency.save()
    party = Model.get("party.party")(name="Concord Test Company")
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    wizard.form.currency = currency
    wizard.form.timezone = "America/New_York"
    wizard.execute("add")
    (company,) = Model.get("company.company").find()
    return company, currency


def world():
    """Some countries, as the script that Tryton ships for them would make all of them; and a second currency."""
    country = Model.get("country.country")
    for code, name in (("DE", "Germany"), ("FR", "France"), ("GB", "United Kingdom"), ("US", "United States")):
        country(code=code, name=name).save()
    euro = Model.get("currency.currency")(name="Euro", code="EUR", symbol="€", rounding=Decimal("0.01"))
    euro.rates.new(date=datetime.date(2000, 1, 1), rate=Decimal("0.5"))
    euro.save()


def main(configuration, database):
    session = config.set_trytond(f"sqlite:///{database}", config_file=configuration)
    users = Model.get("res.user")
    company, currency = company_in_dollars()
    (admin,) = users.find([("login", "=", "admin")])
    if company not in admin.companies:
        admin.companies.append(company)
    admin.company = company
    admin.save()
    session._context = users.get_preferences(True, {})

    world()
    accounts = chart_of_accounts(company)
    this_year = datetime.date.today().year
    # Two years, so that a prepared database still posts after New Year's Eve.
    for year in (this_year, this_year + 1):
        calendar_year(company, year)

    tax = Model.get("account.tax")(
        name="Sales tax 10%",
        description="Sales tax 10%",
        type="percentage",
        rate=Decimal("0.10"),
        invoice_account=accounts["tax"],
        credit_note_account=accounts["tax"],
    )
    tax.save()
    category = Model.get("product.category")(
        name="Services",
        accounting=True,
        account_revenue=accounts["revenue"],
        account_expense=accounts["expense"],
    )
    category.customer_taxes.append(tax)
    category.save()
    (unit,) = Model.get("product.uom").find([("name", "=", "Unit")])
    template = Model.get("product.template")(
        name="Partner services",
        type="service",
        default_uom=unit,
        salable=True,
        list_price=Decimal("100"),
        account_category=category,
    )
    template.products[0].suffix_code = "PARTNER"
    template.save()

    term = Model.get("account.invoice.payment_term")(name="Net 30")
    term.lines.new(type="remainder").relativedeltas.new(days=30)
    term.save()
    (journal,) = Model.get("account.journal").find([("type", "=", "cash")], limit=1)
    method = Model.get("account.invoice.payment.method")(
        name="Bank transfer",
        company=company,
        journal=journal,
        credit_account=accounts["cash"],
        debit_account=accounts["cash"],
    )
    method.save()

    application = Model.get("res.user.application")(user=admin, application="rest")
    application.save()
    print(
        json.dumps(
            {
                "username": admin.login,
                "password": "admin",
                "key": application.key,
                "company": company.id,
                "currency": currency.id,
                "product": template.products[0].id,
                "tax": tax.id,
                "payment_term": term.id,
                "payment_method": method.id,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
