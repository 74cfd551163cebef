"""Templates that keep what never differs: words, icons, addresses without arguments are put together once, not per page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.template.base import FilterExpression, Node, NodeList, Template, TextNode, Variable
from django.template.context import Context
from django.template.defaulttags import CommentNode, CsrfTokenNode, IfNode, LoadNode, URLNode
from django.template.library import SimpleNode
from django.template.loader_tags import BlockNode
from django.template.loaders.cached import Loader as CachedLoader
from django.templatetags.i18n import BlockTranslateNode, LanguageNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

Tag = TypeVar("Tag", bound=Callable[..., Any])
KEY = "folded_for"
FIELD = "folded_field"


def constant(tag: Tag) -> Tag:
    """Mark the function of a simple tag that returns the same for the same arguments, whoever asks."""
    tag.constant = True  # type: ignore[attr-defined]
    return tag


class Loader(CachedLoader):
    """Django's cached loader, which folds each template when it is loaded for the first time."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        known = self.cache_key(template_name, skip) in self.get_template_cache
        template = super().get_template(template_name, skip)
        if not known:
            fold(template.nodelist)
            template.nodelist = Folded(template.nodelist)
        return template


class Folded(NodeList):
    """A template's nodes, which remember their blocks: a page that extends another would look for them every time."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        super().__init__(nodes)
        self._blocks: list[Any] | None = None

    def get_nodes_by_type(self, nodetype: Any) -> Any:
        if nodetype is not BlockNode:
            return super().get_nodes_by_type(nodetype)
        if self._blocks is None:
            self._blocks = super().get_nodes_by_type(nodetype)
        return self._blocks


def _place(context: Context) -> Any:
    """What a text may depend on that nobody passes: the language, and where the portal is mounted."""
    known = context.__dict__
    if KEY not in known:
        known[KEY] = (get_language(), get_script_prefix(), get_urlconf())
    return known[KEY]


class FoldedNode(Node):
    """Neighbours that never differ, as one text for each language, and for each place the portal may be mounted at."""

    child_nodelists = ()

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.texts: dict[Any, SafeString] = {}
        self.token = nodes[0].token
        if hasattr(nodes[0], "origin"):
            self.origin = nodes[0].origin

    def render(self, context: Context) -> SafeString:
        if not context.autoescape:
            return self._put_together(context)
        place = _place(context)
        text = self.texts.get(place)
        if text is None:
            text = self.texts[place] = self._put_together(context)
        return text

    render_annotated = render

    def _put_together(self, context: Context) -> SafeString:
        return SafeString("".join([str(node.render_annotated(context)) for node in self.nodes]))


class OneTokenNode(CsrfTokenNode):
    """The hidden field of a form: the same in all forms of a page."""

    def render(self, context: Context) -> SafeString:
        known = context.__dict__
        if FIELD not in known:
            known[FIELD] = super().render(context)
        return SafeString(known[FIELD])


class ToldNode(BlockTranslateNode):
    """A sentence with gaps, whose words are read from the template's tokens once."""

    def render_token_list(self, tokens: Any) -> tuple[str, list[str]]:
        known = self.__dict__.setdefault("folded_words", {})
        if id(tokens) not in known:
            known[id(tokens)] = super().render_token_list(tokens)
        words, gaps = known[id(tokens)]
        return words, list(gaps)


class AddressNode(URLNode):
    """The address of an object told by its UUID: the words around it are looked up once, and the UUID is put between."""

    def render(self, context: Context) -> str:
        if not context.autoescape:
            return str(super().render(context))
        keys = [argument.resolve(context) for argument in self.args]
        if not all(type(key) is UUID for key in keys):
            return str(super().render(context))
        parts = self._parts(_place(context), len(keys))
        return parts[0] + "".join([f"{key}{part}" for key, part in zip(keys, parts[1:], strict=True)])

    def _parts(self, place: Any, count: int) -> list[str]:
        known: dict[Any, list[str]] = self.__dict__.setdefault("folded_parts", {})
        if place not in known:
            marks = [UUID(int=number) for number in range(count)]
            address = conditional_escape(reverse(str(self.view_name.var), args=marks))
            known[place] = re.split("|".join(map(str, marks)), address)
        return known[place]


class LookAgain(Node):
    """Stands where the language changes in the middle of a template."""

    child_nodelists = ()

    def render(self, context: Context) -> SafeString:
        context.__dict__.pop(KEY, None)
        return SafeString("")


def fold(nodes: NodeList) -> None:
    """Replace, in place, neighbours that never differ by one node."""
    kept: list[Node] = []
    run: list[Node] = []
    for node in [node for node in nodes if not isinstance(node, CommentNode | LoadNode)]:
        if never_differs(node):
            run.append(node)
            continue
        if type(node) is CsrfTokenNode:
            node.__class__ = OneTokenNode
        if type(node) is BlockTranslateNode:
            node.__class__ = ToldNode
        if type(node) is URLNode and _by_key_alone(node):
            node.__class__ = AddressNode
        kept += _folded(run)
        run = []
        _fold_inside(node)
        kept.append(node)
    nodes[:] = kept + _folded(run)


def _folded(run: list[Node]) -> list[Node]:
    if not run or (len(run) == 1 and isinstance(run[0], TextNode)):
        return run
    return [FoldedNode(run)]


def _fold_inside(node: Node) -> None:
    inner: list[Any]
    if isinstance(node, IfNode):
        inner = [nodes for _condition, nodes in node.conditions_nodelists]
    else:
        inner = [getattr(node, name, None) for name in node.child_nodelists]
    for nodes in inner:
        if isinstance(nodes, NodeList):
            fold(nodes)
    if isinstance(node, LanguageNode):
        node.nodelist[:] = [LookAgain(), *node.nodelist, LookAgain()]


def never_differs(node: Node) -> bool:
    """True if the node says the same on every page, to everybody who reads the same language, and sets nothing."""
    if isinstance(node, TextNode):
        return True
    if isinstance(node, TranslateNode):
        return not node.asvar and _literal(node.filter_expression) and _literal(node.message_context)
    if isinstance(node, BlockTranslateNode):
        plain = not node.extra_context and not node.countervar and not node.asvar
        return plain and _literal(node.message_context) and not node.render_token_list(node.singular)[1]
    if isinstance(node, URLNode):
        # The name of a namespace is found by the request's own.
        plain = not node.asvar and all(map(_literal, [node.view_name, *node.args, *node.kwargs.values()]))
        return plain and ":" not in str(node.view_name.token)
    if isinstance(node, StaticNode):
        return node.varname is None and _literal(node.path)
    if isinstance(node, SimpleNode) and getattr(node.func, "constant", False):
        return node.target_var is None and all(map(_literal, [*node.args, *node.kwargs.values()]))
    return False


def _by_key_alone(node: URLNode) -> bool:
    """True if the address has a name of its own and nothing but arguments in their order."""
    named = _literal(node.view_name) and ":" not in str(node.view_name.token)
    return bool(named and node.args and not node.kwargs and not node.asvar)


def _literal(expression: FilterExpression | None) -> bool:
    """True for a text or number that stands in the template itself, without filters."""
    if expression is None:
        return True
    var = expression.var
    return not expression.filters and (not isinstance(var, Variable) or var.literal is not None)
